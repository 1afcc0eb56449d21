package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

func TestReader(t *testing.T) {
	m := msgp.AppendUint64(nil, math.MaxUint64)
	m = msgp.AppendInt64(m, -7)
	m = msgp.AppendInt64(m, math.MinInt64)
	m = msgp.AppendBool(m, true)
	m = msgp.AppendString(m, "text")
	m = msgp.AppendBytes(m, []byte("bytes"))
	value := msgp.AppendString(msgp.AppendArrayHeader(nil, 1), "x")
	m = append(m, value...)
	m = append(msgp.AppendArrayHeader(m, 2), 1, 2)
	m = append(msgp.AppendMapHeader(m, 1), 3, 4)
	r := NewReader(m)
	got := fmt.Sprintln(r.Uint(), r.Int(), r.Int64(), r.Bool(), r.Text(), string(r.Bytes()), bytes.Equal(r.Value(), value),
		r.Array(), r.Int(), r.Int(), r.Map(), r.Rest())
	if want := "18446744073709551615 -7 -9223372036854775808 true text bytes true 2 1 2 1 [3 4]\n"; got != want {
		t.Errorf("read %s\nwant %s", got, want)
	}
	if err := r.End(); !errors.Is(err, ErrMalformed) {
		t.Errorf("something is left over: %v", err)
	}
}

// The first fault stays, and nothing is read after it.
func TestReaderKeepsTheFirstFault(t *testing.T) {
	r := NewReader([]byte{0xc0, 1, 2})
	if n := r.Uint(); n != 0 || !errors.Is(r.Err(), ErrMalformed) {
		t.Fatalf("read %d, %v", n, r.Err())
	}
	first := r.Err()
	r.Fail(errors.New("another"))
	if n := r.Int(); n != 0 || len(r.Rest()) != 3 || !errors.Is(r.Err(), first) || !errors.Is(r.End(), first) {
		t.Errorf("read %d, %d bytes are left, %v", n, len(r.Rest()), r.End())
	}
}

// A head that claims more than follows is refused, also where its length has no place in an int.
func TestReaderBelievesNoLength(t *testing.T) {
	reads := map[string]func(*Reader) any{
		"Text":  func(r *Reader) any { return r.Text() },
		"Bytes": func(r *Reader) any { return r.Bytes() },
		"Value": func(r *Reader) any { return r.Value() },
		"Array": func(r *Reader) any { return r.Array() },
		"Map":   func(r *Reader) any { return r.Map() },
	}
	for _, length := range []uint32{3, 1<<31 - 1, 1 << 31, math.MaxUint32 - 4, math.MaxUint32} {
		for lead := 0xc4; lead <= 0xdf; lead++ {
			m := []byte{byte(lead), byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length), 1}
			for name, read := range reads {
				r := NewReader(m)
				read(r)
				if wide := lead == 0xc6 || lead == 0xc9 || lead == 0xdb || lead >= 0xdd && lead != 0xde; wide && r.Err() == nil {
					t.Errorf("%s took % x", name, m)
				}
			}
		}
	}
	if r := NewReader(bytes.Repeat([]byte{0x91}, MaxDepth+2)); r.Value() != nil || !errors.Is(r.Err(), ErrTooDeep) {
		t.Error("a value without a bottom:", r.Err())
	}
}

// FuzzReader reads whatever comes by a plan of which each byte names a method.
func FuzzReader(f *testing.F) {
	f.Add([]byte("utbvamiI"), []byte("\x01\xa1x\xc4\x01y\x91\xc0\x90\x80\x05\xd0\xff"))
	f.Fuzz(func(t *testing.T, plan, message []byte) {
		r := NewReader(message)
		for _, step := range plan {
			before, fault := len(r.Rest()), r.Err()
			worth := 0 // how many bytes must have followed
			switch step {
			case 'u':
				r.Uint()
			case 'i':
				r.Int()
			case 'I':
				r.Int64()
			case 'o':
				r.Bool()
			case 't':
				worth = len(r.Text())
			case 'b':
				worth = len(r.Bytes())
			case 'v':
				worth = len(r.Value())
			case 'a':
				worth = r.Array()
			case 'm':
				worth = 2 * r.Map()
			default:
				continue
			}
			if worth > before {
				t.Fatalf("%c: %d bytes of %d", step, worth, before)
			}
			if fault != nil && (!errors.Is(r.Err(), fault) || len(r.Rest()) != before) {
				t.Fatalf("%c went on after %v", step, fault)
			}
			if r.Err() == nil && len(r.Rest()) >= before {
				t.Fatalf("%c read nothing", step)
			}
		}
		if err := r.End(); err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooDeep) {
			t.Fatal(err)
		}
	})
}
