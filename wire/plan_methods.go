package wire

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// fillMsgp makes the plan of a type with msgp's methods. What it consists of is looked at only to know whether
// a value may contain itself: its methods would then recurse until the stack is full.
func fillMsgp(p *plan) {
	p.mayProxy = true
	p.decode = decodeMsgpValue
	p.endless = selfContaining(p.typ, make(map[reflect.Type]bool))
	endless := p.endless
	p.append = func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
		v = addressable(v)
		if endless {
			if err := checkDepth(v, depth); err != nil {
				return dst, err
			}
		}
		return v.Addr().Interface().(msgp.Marshaler).MarshalMsg(dst)
	}
}

func decodeMsgpValue(src []byte, v reflect.Value) ([]byte, error) {
	rest, err := v.Addr().Interface().(msgp.Unmarshaler).UnmarshalMsg(src)
	if err != nil {
		return src, &ownError{err}
	}
	return rest, nil
}

// An ownError is what the method of a type, or the custodian, says of an encoding that it was to decode. There need be nothing
// wrong with the encoding: what it refers to may be out of reach.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }
func (e *ownError) Unwrap() error { return e.err }

// isOwn reports whether a method's own fault is in err, and not one that msgp has found for it in the encoding.
func isOwn(err error) bool {
	var own *ownError
	if !errors.As(err, &own) {
		return false
	}
	var found msgp.Error
	for cause := own.err; errors.As(cause, &found); {
		if cause = errors.Unwrap(found); cause == nil { // else found says no more than where it was
			return false
		}
	}
	return true
}

func appendBinaryValue(dst []byte, v reflect.Value, _ int) ([]byte, error) {
	text, err := addressable(v).Addr().Interface().(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return dst, err
	}
	return appendOpaque(dst, text)
}

func decodeBinaryValue(src []byte, v reflect.Value) ([]byte, error) {
	body, rest, err := readBytes(src)
	if err != nil {
		return src, err
	}
	return rest, v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(body)
}

func appendTextValue(dst []byte, v reflect.Value, _ int) ([]byte, error) {
	text, err := addressable(v).Addr().Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return dst, err
	}
	return appendOpaque(dst, text)
}

func decodeTextValue(src []byte, v reflect.Value) ([]byte, error) {
	body, rest, err := readBytes(src)
	if err != nil {
		return src, err
	}
	return rest, v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(body)
}

func appendOpaque(dst, body []byte) ([]byte, error) {
	checkLength(len(body))
	return msgp.AppendBytes(dst, body), nil
}

// A time travels as an extension whose body is what time.Time's MarshalBinary makes, so that the offset survives,
// and a time in a field of type any is a time again.
const timeExtension = 84

func appendTimeValue(dst []byte, v reflect.Value, _ int) ([]byte, error) {
	t := *(*time.Time)(addressOf(v))
	body, err := t.MarshalBinary()
	if err != nil {
		return dst, err
	}
	return appendExtension(dst, timeExtension, body), nil
}

func decodeTimeValue(src []byte, v reflect.Value) ([]byte, error) {
	kind, body, rest, err := readExtension(src)
	if err != nil {
		return src, err
	}
	if kind != timeExtension {
		return src, fmt.Errorf("%w: extension %d for a time", ErrMalformed, kind)
	}
	t, err := readTime(body)
	if err != nil {
		return src, err
	}
	v.Set(reflect.ValueOf(t))
	return rest, nil
}

func readTime(body []byte) (t time.Time, err error) {
	if err := t.UnmarshalBinary(body); err != nil {
		return time.Time{}, errors.Join(ErrMalformed, err)
	}
	return t, nil
}
