package wire

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"
)

// appendPlanned runs a plan's append for a whole value. A panic in a method of the value's type comes back as a
// *PanicError, and dst as it was.
func appendPlanned(dst []byte, p *plan, v reflect.Value) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = recoveredError(r)
		}
		if err != nil {
			out = dst
			if !errors.Is(err, ErrUnsupportedType) {
				err = fmt.Errorf("wire: encode %v: %w", p.typ, err)
			}
		}
	}()
	return p.append(dst, v, 0)
}

// appendSized runs a direct append that may find its value too large.
func appendSized(dst []byte, d *directFuncs, p unsafe.Pointer) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, ok := r.(tooLarge)
			if !ok {
				panic(r)
			}
			out, err = dst, fmt.Errorf("wire: encode: %w", n.err())
		}
	}()
	return d.append(dst, p), nil
}

func recoveredError(r any) error {
	if n, ok := r.(tooLarge); ok {
		return n.err()
	}
	return NewPanicError(r)
}

// decodePlanned runs a plan's decode for a whole value, after a look at src that makes sure that it is one
// well-formed value: no length in it lies, and it is not too deep for a recursive decoder.
func decodePlanned(src []byte, p *plan, v reflect.Value) (err error) {
	rest, err := skipValue(src)
	if err != nil || len(rest) != 0 {
		return decodeError(p.typ, err, len(rest))
	}
	defer func() {
		if r := recover(); r != nil {
			err = decodeError(p.typ, recoveredError(r), 0)
		}
	}()
	rest, err = p.decode(src, v)
	if err != nil || len(rest) != 0 {
		return decodeError(p.typ, err, len(rest))
	}
	return nil
}

// directPlan makes a plan's functions of direct ones.
func directPlan(d *directFuncs) (
	func([]byte, reflect.Value, int) ([]byte, error),
	func([]byte, reflect.Value) ([]byte, error),
) {
	add := func(dst []byte, v reflect.Value, _ int) ([]byte, error) {
		return d.append(dst, addressOf(v)), nil
	}
	decode := func(src []byte, v reflect.Value) ([]byte, error) {
		return d.decode(src, unsafe.Pointer(v.UnsafeAddr()))
	}
	return add, decode
}

// addressOf returns a pointer to what v holds: v itself where it is addressable, or a copy, for the elements of
// a map or an interface. Decoding always has addressable values.
func addressOf(v reflect.Value) unsafe.Pointer { return addressable(v).Addr().UnsafePointer() }

func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}
