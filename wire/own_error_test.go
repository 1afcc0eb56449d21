package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

// absent cannot be decoded, though there is nothing wrong with its encoding.
type absent struct{}

var errAbsent = errors.New("what it refers to is gone")

func (absent) MarshalMsg(b []byte) ([]byte, error)      { return msgp.AppendNil(b), nil }
func (*absent) UnmarshalMsg(src []byte) ([]byte, error) { return src, errAbsent }

// generated decodes its one part as generated code does.
type generated struct{ Part absent }

func (generated) MarshalMsg(b []byte) ([]byte, error) { return msgp.AppendNil(b), nil }
func (g *generated) UnmarshalMsg(src []byte) ([]byte, error) {
	if _, err := g.Part.UnmarshalMsg(src); err != nil {
		return src, msgp.WrapError(err, "Part")
	}
	return src[1:], nil
}

func faultOf[T any](t *testing.T, src []byte) error {
	t.Helper()
	var v T
	err := codecOf[T](t).Decode(src, &v)
	if _, again := DecodeValue(src, &v); (again == nil) != (err == nil) {
		t.Errorf("%T: %v and %v", v, err, again)
	}
	return err
}

func TestErrorsOfMethodsAreTheirOwn(t *testing.T) {
	encoded, err := AppendValue(nil, struct{ V []any }{[]any{nil}})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		faultOf[absent](t, []byte{0xc0}), faultOf[generated](t, []byte{0xc0}),
		faultOf[struct{ V []absent }](t, encoded), faultOf[map[string][]generated](t, encoded),
	} {
		if !errors.Is(err, errAbsent) || errors.Is(err, ErrMalformed) || strings.Contains(err.Error(), "malformed") {
			t.Errorf("%v", err)
		}
	}
	// What msgp finds wrong with the encoding is a fault of that, whoever has called it.
	if err := faultOf[opaque](t, []byte{0xa1, 'x'}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if err := faultOf[[]errorTuple](t, []byte{0x91, 0xa1, 'x'}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}
