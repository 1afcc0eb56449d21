package wire_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/multiproc-go/multiproc/wire"
)

func TestValuesOneAfterAnother(t *testing.T) {
	type point struct{ X, Y int }
	var encoded []byte
	for _, v := range []any{point{1, 2}, "three", nil, []int{4}} {
		var err error
		if encoded, err = wire.AppendValue(encoded, v); err != nil {
			t.Fatal(err)
		}
	}
	var (
		p    = point{Y: 9} // is overwritten whole
		s    string
		none *int
		list []int
	)
	rest := encoded
	for _, target := range []any{&p, &s, &none, &list} {
		var err error
		if rest, err = wire.DecodeValue(rest, target); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]any{point{1, 2}, "three", []int{4}}, []any{p, s, list}); diff != "" || none != nil || len(rest) != 0 {
		t.Errorf("%v and %d bytes are left (-want +got):\n%s", none, len(rest), diff)
	}
	codec, err := wire.CodecOf[point]()
	if err != nil {
		t.Fatal(err)
	}
	if rest, err = codec.DecodeNext(encoded, &p); err != nil || len(rest) == 0 || p.X != 1 {
		t.Errorf("DecodeNext: %v, %d bytes, %v", p, len(rest), err)
	}
}

func TestValuesThatAreNone(t *testing.T) {
	if _, err := wire.AppendValue(nil, make(chan int)); !errors.Is(err, wire.ErrUnsupportedType) {
		t.Errorf("a channel: %v", err)
	}
	if err := wire.CheckType(reflect.TypeFor[map[string]func()]()); !errors.Is(err, wire.ErrUnsupportedType) {
		t.Errorf("a type: %v", err)
	}
	if err := wire.CheckType(reflect.TypeFor[[]string]()); err != nil {
		t.Errorf("a type: %v", err)
	}
	var s string
	for _, src := range [][]byte{nil, {0xa5, 'x'}, {0xc1}, {0x01}} {
		if rest, err := wire.DecodeValue(src, &s); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%x: %d bytes left, %v", src, len(rest), err)
		}
	}
}
