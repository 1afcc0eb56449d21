package wire

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

func TestCyclesAreErrors(t *testing.T) {
	loop := &node{}
	loop.Next = loop
	tooDeep(t, loop)
	self := map[string]any{}
	self["self"] = self
	tooDeep(t, self)
	tooDeep(t, []any{self})
	type tree []tree
	branch := make(tree, 1)
	branch[0] = branch
	tooDeep(t, branch)
	generated := &ringMessage{}
	generated.Next = generated
	tooDeep(t, generated)
	tooDeep(t, *generated)
	tooDeep(t, map[string]any{"x": generated})

	long := &node{}
	for range MaxDepth/2 - 10 {
		long = &node{Next: long}
	}
	travelOnce(t, long)
}

// ringMessage encodes itself as generated code does: by recursion.
type ringMessage struct{ Next *ringMessage }

func (m *ringMessage) MarshalMsg(b []byte) ([]byte, error) {
	if b = msgp.AppendArrayHeader(b, 1); m.Next != nil {
		return m.Next.MarshalMsg(b)
	}
	return msgp.AppendNil(b), nil
}

func (m *ringMessage) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	switch {
	case err != nil:
		return b, err
	case n != 1:
		return b, msgp.ArrayError{Wanted: 1, Got: n}
	case msgp.IsNil(b):
		return b[1:], nil
	}
	m.Next = new(ringMessage)
	return m.Next.UnmarshalMsg(b)
}

func travelOnce[T any](t *testing.T, v T) {
	t.Helper()
	c := codecOf[T](t)
	encoded, err := c.Append(nil, &v)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := c.Decode(encoded, &out); err != nil {
		t.Fatal(err)
	}
}

func tooDeep[T any](t *testing.T, v T) {
	t.Helper()
	out, err := codecOf[T](t).Append([]byte("x"), &v)
	if !errors.Is(err, ErrTooDeep) || string(out) != "x" || len(err.Error()) > 1000 {
		t.Errorf("%T: %q, %v", v, out, err)
	}
}

func TestDeepEncodingsAreErrors(t *testing.T) {
	deep := append([]byte(strings.Repeat("\x91", 1<<20)), 0xc0)
	var value any
	if err := codecOf[any](t).Decode(deep, &value); !errors.Is(err, ErrTooDeep) {
		t.Error(err)
	}
	var ring ringMessage
	if err := codecOf[ringMessage](t).Decode(deep, &ring); !errors.Is(err, ErrTooDeep) {
		t.Error(err)
	}
}

func TestLyingLengthsAllocateLittle(t *testing.T) {
	for _, src := range []string{"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xc9\xff\xff\xff\xff\x50"} {
		lying[[]int](t, src)
		lying[[]string](t, src)
		lying[[]byte](t, src)
		lying[string](t, src)
		lying[map[string]int](t, src)
		lying[map[key]key](t, src)
		lying[[]key](t, src)
		lying[any](t, src)
		lying[Token](t, src)
	}
	type wide [1 << 16]byte
	var out []wide
	if err := codecOf[[]wide](t).Decode([]byte("\xdd\x00\x00\x00\x20"+strings.Repeat("\xc0", 32)), &out); err == nil {
		t.Error("nil as an array")
	}
}

func lying[T any](t *testing.T, src string) {
	t.Helper()
	c := codecOf[T](t)
	var out T
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := c.Decode([]byte(src), &out)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrMalformed) {
		t.Errorf("%T from %x: %v", out, src, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%T from %x: allocated %d bytes", out, src, n)
	}
}

type explosive struct{ A int }

var errOwn = errors.New("own")

func (e *explosive) MarshalMsg(b []byte) ([]byte, error) {
	if e.A == 1 {
		panic("boom")
	}
	return append(b, "garbage"...), errOwn
}

func (e *explosive) UnmarshalMsg([]byte) ([]byte, error) { panic(errOwn) }

func TestMethodsThatFail(t *testing.T) {
	c := codecOf[[]explosive](t)
	var p *PanicError
	if out, err := c.Append(nil, &[]explosive{{A: 1}}); !errors.As(err, &p) || p.Value != "boom" || len(out) != 0 {
		t.Errorf("%q %v", out, err)
	}
	if out, err := c.Append(nil, &[]explosive{{}}); !errors.Is(err, errOwn) || len(out) != 0 {
		t.Errorf("%q %v", out, err)
	}
	var out []explosive
	if err := c.Decode([]byte{0x91, 1}, &out); !errors.As(err, &p) || !errors.Is(err, errOwn) {
		t.Error(err)
	}
	value := any(make(chan int))
	if _, err := codecOf[any](t).Append(nil, &value); !errors.Is(err, ErrUnsupportedType) {
		t.Error(err)
	}
}
