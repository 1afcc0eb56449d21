package wire

import (
	"reflect"
	"unsafe"

	"github.com/tinylib/msgp/msgp"
)

// directMap returns the functions for maps between basic types. The key and element types must be the very
// types named here: a map is tied to its type, so a named int as a key goes through reflection.
func directMap(key, elem reflect.Type) *directFuncs {
	switch key {
	case reflect.TypeFor[string]():
		return mapFrom(elem, addString, readString)
	case reflect.TypeFor[int]():
		return mapFrom(elem, addInt[int], readInt[int])
	case reflect.TypeFor[int64]():
		return mapFrom(elem, addInt[int64], readInt[int64])
	case reflect.TypeFor[uint64]():
		return mapFrom(elem, addUint[uint64], readUint[uint64])
	}
	return nil
}

type (
	adder[E any]  func(dst []byte, v E) []byte
	reader[E any] func(src []byte) (v E, rest []byte, err error)
)

func mapFrom[K comparable](elem reflect.Type, addKey adder[K], readKey reader[K]) *directFuncs {
	switch elem {
	case reflect.TypeFor[struct{}]():
		return mapOf(addKey, readKey, addNothing, readNothing)
	case reflect.TypeFor[bool]():
		return mapOf(addKey, readKey, msgp.AppendBool, msgp.ReadBoolBytes)
	case reflect.TypeFor[int]():
		return mapOf(addKey, readKey, addInt[int], readInt[int])
	case reflect.TypeFor[int32]():
		return mapOf(addKey, readKey, addInt[int32], readInt[int32])
	case reflect.TypeFor[int64]():
		return mapOf(addKey, readKey, addInt[int64], readInt[int64])
	case reflect.TypeFor[uint]():
		return mapOf(addKey, readKey, addUint[uint], readUint[uint])
	case reflect.TypeFor[uint32]():
		return mapOf(addKey, readKey, addUint[uint32], readUint[uint32])
	case reflect.TypeFor[uint64]():
		return mapOf(addKey, readKey, addUint[uint64], readUint[uint64])
	case reflect.TypeFor[float32]():
		return mapOf(addKey, readKey, msgp.AppendFloat32, msgp.ReadFloat32Bytes)
	case reflect.TypeFor[float64]():
		return mapOf(addKey, readKey, msgp.AppendFloat64, msgp.ReadFloat64Bytes)
	case reflect.TypeFor[string]():
		return mapOf(addKey, readKey, addString, readString)
	case reflect.TypeFor[[]byte]():
		return mapOf(addKey, readKey, appendBytes, readBytes)
	}
	return nil
}

func mapOf[K comparable, V any](addKey adder[K], readKey reader[K], add adder[V], read reader[V]) *directFuncs {
	return &directFuncs{
		sized: true,
		append: func(dst []byte, p unsafe.Pointer) []byte {
			values := *(*map[K]V)(p)
			if values == nil {
				return msgp.AppendNil(dst)
			}
			checkLength(len(values))
			dst = msgp.AppendMapHeader(dst, uint32(len(values)))
			for k, v := range values {
				dst = add(addKey(dst, k), v)
			}
			return dst
		},
		decode: func(src []byte, p unsafe.Pointer) (rest []byte, err error) {
			var values map[K]V
			if msgp.IsNil(src) {
				rest = src[1:]
			} else {
				values, rest, err = readMap(src, readKey, read)
			}
			*(*map[K]V)(p) = values
			return rest, err
		},
	}
}

func readMap[K comparable, V any](src []byte, readKey reader[K], read reader[V]) (map[K]V, []byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(src)
	if err != nil {
		return nil, src, err
	}
	if uint64(n) > uint64(len(rest))/2 {
		return nil, src, msgp.ErrShortBytes
	}
	values := make(map[K]V, n)
	for range n {
		var (
			key   K
			value V
		)
		if key, rest, err = readKey(rest); err != nil {
			return nil, src, err
		}
		if value, rest, err = read(rest); err != nil {
			return nil, src, err
		}
		values[key] = value
	}
	return values, rest, nil
}

func addNothing(dst []byte, _ struct{}) []byte { return msgp.AppendNil(dst) }

func readNothing(src []byte) (struct{}, []byte, error) {
	rest, err := msgp.ReadNilBytes(src)
	return struct{}{}, rest, err
}
