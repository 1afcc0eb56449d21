package wire

import (
	"errors"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tinylib/msgp/msgp"
)

func codecOf[T any](t testing.TB) *Codec[T] {
	t.Helper()
	c, err := CodecOf[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// travel sends v through its codec.
func travel[T any](t testing.TB, v T) T {
	t.Helper()
	c := codecOf[T](t)
	prefix := []byte("prefix")
	encoded, err := c.Append(prefix, &v)
	if err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	if string(encoded[:6]) != "prefix" {
		t.Fatalf("%T: Append overwrote what was there", v)
	}
	src := append([]byte(nil), encoded[6:]...)
	var out T
	if err := c.Decode(src, &out); err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	clear(src) // what was decoded must not share it
	for cut := range len(encoded) - 6 {
		var partial T
		if err := c.Decode(encoded[6:6+cut], &partial); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%T cut to %d of %d bytes: %v", v, cut, len(encoded)-6, err)
		}
	}
	var more T
	if err := c.Decode(append(encoded[6:len(encoded):len(encoded)], 0xc0), &more); !errors.Is(err, ErrMalformed) {
		t.Fatalf("%T with a byte more: %v", v, err)
	}
	return out
}

func roundTrip[T any](t testing.TB, values ...T) {
	t.Helper()
	for _, v := range values {
		if diff := cmp.Diff(v, travel(t, v), cmp.Comparer(sameFloat), cmp.Comparer(sameBig), cmp.Comparer(sameAddr)); diff != "" {
			t.Errorf("%T changed (-sent +received):\n%s", v, diff)
		}
	}
}

func sameFloat(a, b float64) bool   { return a == b || a != a && b != b }
func sameBig(a, b *big.Int) bool    { return a == b || a != nil && b != nil && a.Cmp(b) == 0 }
func sameAddr(a, b netip.Addr) bool { return a == b }

type (
	namedInt    int32
	namedString string
	namedMap    map[string]int
	key         struct{ X, Y int }
	base        struct{ ID int }
	node        struct {
		Value int
		Next  *node
	}
	opaque  struct{ n int }
	kitchen struct {
		base
		Renamed  string `msg:"r"`
		Ignored  string `msg:"-"`
		Omitted  []int  `msg:"o,omitempty"`
		Time     time.Time
		Took     time.Duration
		Grid     [2][3]int8
		Points   map[key][]string
		Pointer  *int
		Nil      *int
		Any      any
		Big      *big.Int
		Addr     netip.Addr
		Token    Token
		Opaque   *opaque
		Empty    struct{}
		hidden   int
		Children []kitchen
	}
)

// opaque has methods of its own for what is not exported.
func (o opaque) MarshalMsg(b []byte) ([]byte, error) { return msgp.AppendInt(b, o.n), nil }
func (o *opaque) UnmarshalMsg(b []byte) (rest []byte, err error) {
	o.n, rest, err = msgp.ReadIntBytes(b)
	return rest, err
}

func TestBasicKindsSurvive(t *testing.T) {
	roundTrip(t, true, false)
	roundTrip(t, 0, 1, -1, 127, 128, -32, -33, math.MaxInt, math.MinInt)
	roundTrip(t, int8(math.MinInt8), int8(math.MaxInt8))
	roundTrip(t, uint64(math.MaxUint64), 0)
	roundTrip(t, uint8(255))
	roundTrip(t, namedInt(-70000))
	roundTrip(t, namedString("a\x00\xff"), "")
	roundTrip(t, math.NaN(), math.Inf(-1), math.SmallestNonzeroFloat64)
	roundTrip(t, float32(1.5))
	roundTrip(t, complex(1, -2))
	roundTrip(t, complex64(complex(1, -2)))
	roundTrip(t, struct{}{})
	roundTrip(t, time.Hour)
}

func TestSlicesAndMapsSurvive(t *testing.T) {
	roundTrip(t, nil, []int{}, []int{1, -500, 1 << 30})
	roundTrip(t, nil, []byte{}, []byte("x"))
	roundTrip(t, []namedInt{1, 2})
	roundTrip(t, []string{"", "x", strings.Repeat("y", 70_000)})
	roundTrip(t, [][]byte{nil, {}, {1}})
	roundTrip(t, []struct{}{{}, {}})
	roundTrip(t, nil, map[string]int{}, map[string]int{"a": 1})
	roundTrip(t, namedMap{"a": 1})
	roundTrip(t, map[namedString]namedInt{"a": 1})
	roundTrip(t, map[string]struct{}{"a": {}})
	roundTrip(t, map[uint64][]byte{1: {2}, math.MaxUint64: nil})
	roundTrip(t, map[key]map[int]bool{{1, 2}: {3: true}})
	roundTrip(t, [3]byte{1, 2, 3})
	roundTrip(t, []any{nil, int64(1), "x", true, 1.5, float32(2), []byte{1}, []any{}, map[string]any{"a": int64(1)},
		uint64(math.MaxUint64), complex(1, 2), Token{"t", "a", 1, 0}, map[any]any{int64(1): "x"}})
}

func TestStructsSurvive(t *testing.T) {
	seven := 7
	zone := time.FixedZone("", 5400)
	v := kitchen{
		base: base{ID: 9}, Renamed: "r", Time: time.Date(2024, 2, 29, 1, 2, 3, 4, zone), Took: time.Second,
		Grid: [2][3]int8{{1, 2, 3}, {-1}}, Points: map[key][]string{{1, 2}: {"a"}, {3, 4}: nil}, Pointer: &seven,
		Any: map[string]any{"t": "x"}, Big: new(big.Int).Lsh(big.NewInt(-3), 200),
		Addr: netip.MustParseAddr("fe80::1%eth0"), Token: Token{"Lock", "/tmp/x", 12, 0}, Opaque: &opaque{42},
		Children: []kitchen{{Renamed: "child"}, {}},
	}
	lossy := v
	lossy.Ignored, lossy.hidden = "not sent", 1
	got := travel(t, lossy)
	opt := cmp.AllowUnexported(kitchen{}, opaque{})
	var unhashable map[any]int
	if err := codecOf[map[any]int](t).Decode([]byte{0x81, 0x90, 1}, &unhashable); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if diff := cmp.Diff(v, got, opt, cmp.Comparer(sameBig), cmp.Comparer(sameAddr)); diff != "" {
		t.Errorf("(-sent +received):\n%s", diff)
	}
	if _, offset := got.Time.Zone(); offset != 5400 {
		t.Errorf("offset %d", offset)
	}
}

// stamped has the methods of its parts, which encode nothing of the rest.
type stamped struct {
	time.Time
	Name string
}

type extended struct {
	tokenTuple
	Extra int
}

type ownMethods struct {
	opaque
	Lost int
}

func (o ownMethods) MarshalMsg(b []byte) ([]byte, error) { return msgp.AppendInt(b, o.n+1), nil }

type ownBinary struct {
	*time.Location
	text string
}

func (o *ownBinary) MarshalBinary() ([]byte, error) { return []byte(o.text), nil }
func (o *ownBinary) UnmarshalBinary(b []byte) error { o.text = string(b); return nil }

type level int // with text methods that a plain number does not need

func (l level) MarshalText() ([]byte, error) { return nil, errOwn }
func (l *level) UnmarshalText([]byte) error  { return errOwn }

func TestMethodsOfEmbeddedFieldsDoNotHideTheRest(t *testing.T) {
	now := time.Now().Round(0)
	if got := travel(t, stamped{now, "x"}); !got.Equal(now) || got.Name != "x" {
		t.Error(got)
	}
	if got := travel(t, ownMethods{opaque{1}, 2}); got.n != 2 || got.Lost != 0 {
		t.Error(got)
	}
	if got := travel(t, []ownBinary{{nil, "x"}}); got[0].text != "x" {
		t.Error(got)
	}
	roundTrip(t, level(3))
	roundTrip(t, []level{1})
	roundTrip(t, []requestHeader{{kindRequest, 1, 2, "m", 3}}) // generated
	roundTrip(t, map[string]*errorTuple{"x": {Codes: []string{"a"}}, "y": nil})
	refused[extended](t, ".tokenTuple is of type")
	refused[struct {
		*base
		Name string
	}](t, "export it")
	type ignoring struct {
		*base `msg:"-"`
		Name  string
	}
	if got := travel(t, ignoring{&base{1}, "x"}); got.base != nil || got.Name != "x" {
		t.Error(got)
	}
}

func TestDecodeOverwritesAndToleratesOtherBuilds(t *testing.T) {
	type older struct{ A, B int }
	type newer struct {
		C []string
		B int
	}
	v := older{A: 1, B: 2}
	encoded, err := codecOf[older](t).Append(nil, &v)
	if err != nil {
		t.Fatal(err)
	}
	got := newer{C: []string{"stale"}}
	if err := codecOf[newer](t).Decode(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if got.B != 2 || got.C != nil {
		t.Errorf("got %+v", got)
	}
}

// written holds what must not be copied once it was used.
type written struct{ text strings.Builder }

func (w *written) MarshalBinary() ([]byte, error) { return []byte(w.text.String()), nil }
func (w *written) UnmarshalBinary(b []byte) error { _, err := w.text.Write(b); return err }

func TestWhatIsDecodedStaysWhereItIs(t *testing.T) {
	var v, got written
	v.text.WriteString("a")
	encoded, err := codecOf[written](t).Append(nil, &v)
	if err == nil {
		err = codecOf[written](t).Decode(encoded, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got.text.WriteString("b"); got.text.String() != "ab" {
		t.Error(got.text.String())
	}
}

func TestRefusalsNameTheField(t *testing.T) {
	refused[chan int](t, "chan int")
	refused[func()](t, "func()")
	refused[error](t, "error")
	refused[struct{ Inner []struct{ Done chan bool } }](t, ".Inner[].Done")
	refused[struct{ Err error }](t, ".Err is of type error")
	refused[struct{ r int }](t, "exported")
	refused[map[string]struct{ M map[*int]int }](t, "[].M")
	refused[uintptr](t, "uintptr")
	refused[struct {
		A int `msg:"x"`
		B int `msg:"x"`
	}](t, `"x"`)
	type ring *ring
	refused[ring](t, "itself")
	refused[halfMethods](t, "lacks")
	refused[[]*halfMethods](t, "lacks")
}

type halfMethods struct{ A int }

func (halfMethods) MarshalMsg(b []byte) ([]byte, error) { return b, nil }

func refused[T any](t *testing.T, mention string) {
	t.Helper()
	_, err := CodecOf[T]()
	if !errors.Is(err, ErrUnsupportedType) || !strings.Contains(err.Error(), mention) {
		t.Errorf("%T: %v", *new(T), err)
	}
}

func TestWhatACodecSaysOfItself(t *testing.T) {
	says[int](t, true, false)
	says[[]string](t, true, false)
	says[map[string][]byte](t, true, false)
	says[struct{}](t, true, false)
	says[node](t, false, false)
	says[time.Time](t, false, false)
	says[any](t, false, true)
	says[[]*opaque](t, false, true)
	says[struct{ A []map[string]Token }](t, false, true)
	type outer struct {
		Self []outer
		Any  any
	}
	says[outer](t, false, true)
}

func says[T any](t *testing.T, direct, mayHold bool) {
	t.Helper()
	if c := codecOf[T](t); c.Direct() != direct || c.MayHoldProxy() != mayHold {
		t.Errorf("%T: direct %v, may hold a proxy %v", *new(T), c.Direct(), c.MayHoldProxy())
	}
}

func TestDirectCodecsDoNotAllocate(t *testing.T) {
	noAllocation(t, 12345)
	noAllocation(t, "x")
	noAllocation(t, []float64{1, 2, 3})
	noAllocation(t, map[string]int{"a": 1})
}

func noAllocation[T any](t *testing.T, v T) {
	t.Helper()
	c, buf := codecOf[T](t), make([]byte, 0, 100)
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Append(buf, &v) }); n != 0 {
		t.Errorf("%T: Append allocates %v times", v, n)
	}
}

func TestDecodingAValueOfABasicKindDoesNotAllocate(t *testing.T) {
	c := codecOf[int](t)
	encoded, sum := []byte{7}, 0
	if n := testing.AllocsPerRun(100, func() { v, _ := c.DecodeValue(encoded); sum += v }); n != 0 || sum != 7*101 {
		t.Errorf("%v times for %d", n, sum)
	}
}
