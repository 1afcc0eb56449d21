package wire

import (
	"reflect"
	"unsafe"

	"github.com/tinylib/msgp/msgp"
)

// directSlice returns the functions for slices with elements of a basic kind. nil and empty stay apart.
func directSlice(elem reflect.Type) *directFuncs {
	if hasMethods(elem) {
		return nil
	}
	switch elem.Kind() {
	case reflect.Bool:
		return sliceOf(msgp.AppendBool, msgp.ReadBoolBytes)
	case reflect.Int:
		return intSlice[int]()
	case reflect.Int8:
		return intSlice[int8]()
	case reflect.Int16:
		return intSlice[int16]()
	case reflect.Int32:
		return intSlice[int32]()
	case reflect.Int64:
		return intSlice[int64]()
	case reflect.Uint:
		return uintSlice[uint]()
	case reflect.Uint8:
		return sized(basic(appendBytes, readBytes))
	case reflect.Uint16:
		return uintSlice[uint16]()
	case reflect.Uint32:
		return uintSlice[uint32]()
	case reflect.Uint64:
		return uintSlice[uint64]()
	case reflect.Float32:
		return sliceOf(msgp.AppendFloat32, msgp.ReadFloat32Bytes)
	case reflect.Float64:
		return sliceOf(msgp.AppendFloat64, msgp.ReadFloat64Bytes)
	case reflect.Complex64:
		return sliceOf(msgp.AppendComplex64, msgp.ReadComplex64Bytes)
	case reflect.Complex128:
		return sliceOf(msgp.AppendComplex128, msgp.ReadComplex128Bytes)
	case reflect.String:
		return sliceOf(addString, readString)
	case reflect.Slice:
		if elem.Elem().Kind() == reflect.Uint8 && !hasMethods(elem.Elem()) {
			return sliceOf(appendBytes, readBytes)
		}
	}
	return nil
}

func sliceOf[E any](add func([]byte, E) []byte, read func([]byte) (E, []byte, error)) *directFuncs {
	return &directFuncs{
		sized: true,
		append: func(dst []byte, p unsafe.Pointer) []byte {
			values := *(*[]E)(p)
			dst = appendSliceHeader(dst, values == nil, len(values))
			for i := range values {
				dst = add(dst, values[i])
			}
			return dst
		},
		decode: func(src []byte, p unsafe.Pointer) ([]byte, error) {
			values, rest, err := makeSlice[E](src)
			for i := 0; i < len(values) && err == nil; i++ {
				values[i], rest, err = read(rest)
			}
			*(*[]E)(p) = values
			return rest, err
		},
	}
}

// intSlice is sliceOf with the hot loop free of indirect calls.
func intSlice[E signed]() *directFuncs {
	return &directFuncs{
		sized: true,
		append: func(dst []byte, p unsafe.Pointer) []byte {
			values := *(*[]E)(p)
			dst = appendSliceHeader(dst, values == nil, len(values))
			for _, v := range values {
				dst = addInt(dst, v)
			}
			return dst
		},
		decode: func(src []byte, p unsafe.Pointer) ([]byte, error) {
			values, rest, err := makeSlice[E](src)
			for i := 0; i < len(values) && err == nil; i++ {
				if len(rest) != 0 && rest[0] <= 0x7f {
					values[i], rest = E(rest[0]), rest[1:]
					continue
				}
				values[i], rest, err = readInt[E](rest)
			}
			*(*[]E)(p) = values
			return rest, err
		},
	}
}

func uintSlice[E unsigned]() *directFuncs {
	return &directFuncs{
		sized: true,
		append: func(dst []byte, p unsafe.Pointer) []byte {
			values := *(*[]E)(p)
			dst = appendSliceHeader(dst, values == nil, len(values))
			for _, v := range values {
				dst = addUint(dst, v)
			}
			return dst
		},
		decode: func(src []byte, p unsafe.Pointer) ([]byte, error) {
			values, rest, err := makeSlice[E](src)
			for i := 0; i < len(values) && err == nil; i++ {
				if len(rest) != 0 && rest[0] <= 0x7f {
					values[i], rest = E(rest[0]), rest[1:]
					continue
				}
				values[i], rest, err = readUint[E](rest)
			}
			*(*[]E)(p) = values
			return rest, err
		},
	}
}

func appendSliceHeader(dst []byte, isNil bool, n int) []byte {
	if isNil {
		return msgp.AppendNil(dst)
	}
	checkLength(n)
	return msgp.AppendArrayHeader(dst, uint32(n))
}

// makeSlice reads the header of a slice and makes it, if as many elements can follow: each takes a byte at least.
func makeSlice[E any](src []byte) (values []E, rest []byte, err error) {
	if msgp.IsNil(src) {
		return nil, src[1:], nil
	}
	n, rest, err := msgp.ReadArrayHeaderBytes(src)
	if err != nil {
		return nil, src, err
	}
	if uint64(n) > uint64(len(rest)) {
		return nil, src, msgp.ErrShortBytes
	}
	return make([]E, n), rest, nil
}
