package wire

import (
	"fmt"
	"reflect"

	"github.com/tinylib/msgp/msgp"
)

// fillInterface makes the plan of an interface without methods. What it holds is encoded by its own type, and
// decoded as the nearest type that MessagePack knows.
func fillInterface(p *plan, path string) error {
	if p.typ.NumMethod() != 0 {
		why := "an interface with methods: nothing says which type to decode there"
		if p.typ == reflect.TypeFor[error]() {
			why = "send its text, or return it from the function: a returned error travels with its codes"
		}
		return unsupported(path, p.typ, why)
	}
	p.mayProxy, p.endless = true, true
	p.append = appendAny
	p.decode = func(src []byte, v reflect.Value) ([]byte, error) {
		value, rest, err := readAny(src)
		if err != nil {
			return src, err
		}
		if value == nil {
			v.SetZero()
			return rest, nil
		}
		v.Set(reflect.ValueOf(value))
		return rest, nil
	}
	return nil
}

func appendAny(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	if v.IsNil() {
		return msgp.AppendNil(dst), nil
	}
	if depth >= MaxDepth {
		return dst, ErrTooDeep
	}
	p, err := planFor(v.Elem().Type())
	if err != nil {
		return dst, err
	}
	return p.append(dst, v.Elem(), depth+1)
}

// readAny decodes one value of whatever type the encoding says. src has been looked through by skipValue.
func readAny(src []byte) (any, []byte, error) {
	if len(src) == 0 {
		return nil, src, errShort
	}
	if isExtension(src[0]) {
		return readAnyExtension(src)
	}
	switch msgp.NextType(src) {
	case msgp.NilType:
		return nil, src[1:], nil
	case msgp.BoolType:
		return boxed(msgp.ReadBoolBytes(src))
	case msgp.IntType, msgp.UintType:
		if v, rest, err := msgp.ReadInt64Bytes(src); err == nil {
			return v, rest, nil
		}
		return boxed(msgp.ReadUint64Bytes(src))
	case msgp.Float32Type:
		return boxed(msgp.ReadFloat32Bytes(src))
	case msgp.Float64Type:
		return boxed(msgp.ReadFloat64Bytes(src))
	case msgp.StrType:
		return boxed(readString(src))
	case msgp.BinType:
		return boxed(readBytes(src))
	case msgp.ArrayType:
		return readAnySlice(src)
	case msgp.MapType:
		return readAnyMap(src)
	default:
		return nil, src, malformed(fmt.Sprintf("the lead byte %#x", src[0]))
	}
}

func boxed[E any](v E, rest []byte, err error) (any, []byte, error) { return v, rest, err }

func readAnySlice(src []byte) (any, []byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(src)
	if err != nil {
		return nil, src, err
	}
	values := make([]any, 0, min(int(n), 1024))
	for range n {
		var v any
		if v, rest, err = readAny(rest); err != nil {
			return nil, src, err
		}
		values = append(values, v)
	}
	return values, rest, nil
}

// readAnyMap makes a map[string]any, or a map[any]any when it meets a key that is no string.
func readAnyMap(src []byte) (any, []byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(src)
	if err != nil {
		return nil, src, err
	}
	named := make(map[string]any, min(int(n), 1024))
	var mixed map[any]any
	for range n {
		var key, value any
		if key, rest, err = readAny(rest); err != nil {
			return nil, src, err
		}
		if value, rest, err = readAny(rest); err != nil {
			return nil, src, err
		}
		name, isName := key.(string)
		if !isName && mixed == nil {
			mixed = make(map[any]any, n)
			for k, v := range named {
				mixed[k] = v
			}
		}
		switch {
		case mixed == nil:
			named[name] = value
		case key != nil && !reflect.TypeOf(key).Comparable():
			return nil, src, malformed(fmt.Sprintf("a %T as the key of a map", key))
		default:
			mixed[key] = value
		}
	}
	if mixed != nil {
		return mixed, rest, nil
	}
	return named, rest, nil
}

func readAnyExtension(src []byte) (any, []byte, error) {
	kind, body, rest, err := readExtension(src)
	if err != nil {
		return nil, src, err
	}
	if c := custodian.Load(); c != nil && kind == tokenExtension {
		proxy, rest, err := (*c).Decode(src)
		if err != nil {
			return nil, src, &ownError{err}
		}
		return proxy, rest, nil
	}
	switch kind {
	case timeExtension:
		t, err := readTime(body)
		return t, rest, err
	case tokenExtension:
		t, err := readToken(body)
		t.Passage = 0 // as in Token.UnmarshalMsg
		return t, rest, err
	case msgp.TimeExtension, msgp.MsgTimeExtension:
		return boxed(msgp.ReadTimeBytes(src))
	case msgp.Complex64Extension:
		return boxed(msgp.ReadComplex64Bytes(src))
	case msgp.Complex128Extension:
		return boxed(msgp.ReadComplex128Bytes(src))
	default:
		return nil, src, malformed(fmt.Sprintf("an extension of the unknown kind %d", kind))
	}
}
