package wire

import (
	"fmt"
	"reflect"
)

// AppendValue appends the encoding of a value whose type is known only at run time, as a Codec of that type would, and
// returns the extended slice. Its errors are those of CodecOf and of Append. It is safe for concurrent use.
func AppendValue(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return appendEmpty(dst, nil), nil
	}
	p, err := planFor(reflect.TypeOf(v))
	if err != nil {
		return dst, err
	}
	return appendPlanned(dst, p, reflect.ValueOf(v))
}

// DecodeValue decodes the value that src begins with into what target points to, which it overwrites whole, and returns
// what follows it in src: so several values may stand one after another. Otherwise it is as a Codec's Decode. It panics
// when target is no pointer, or nil.
func DecodeValue(src []byte, target any) (rest []byte, err error) {
	v := reflect.ValueOf(target).Elem()
	p, err := planFor(v.Type())
	if err != nil {
		return src, err
	}
	rest, err = skipValue(src)
	if err != nil {
		return src, decodeError(p.typ, err, 0)
	}
	v.SetZero()
	return rest, decodePlanned(src[:len(src)-len(rest)], p, v)
}

// CheckType reports whether values of a type can be encoded. The error is what CodecOf would return.
func CheckType(typ reflect.Type) error {
	_, err := planFor(typ)
	return err
}

// DecodeNext is Decode for a value that others may follow in src, which it returns.
func (c *Codec[T]) DecodeNext(src []byte, v *T) (rest []byte, err error) {
	rest, err = skipValue(src)
	if err != nil {
		return src, fmt.Errorf("wire: decode %v: %w", c.typ, err)
	}
	return rest, c.Decode(src[:len(src)-len(rest)], v)
}
