package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"time"
	"unsafe"

	"github.com/tinylib/msgp/msgp"
)

// directFuncs encode and decode one type without reflection. The pointer is to a value of that type, or of one
// with the same memory layout.
type directFuncs struct {
	append func(dst []byte, p unsafe.Pointer) []byte
	decode func(src []byte, p unsafe.Pointer) (rest []byte, err error)
	// sized: append panics with a tooLarge for what is longer than MessagePack can say.
	sized bool
}

// tooLarge is a length beyond MessagePack's 32 bits.
type tooLarge int

func (n tooLarge) err() error { return fmt.Errorf("%w: %d bytes or elements", ErrTooLarge, int(n)) }

func checkLength(n int) {
	if uint64(n) > math.MaxUint32 {
		panic(tooLarge(n))
	}
}

var timeType = reflect.TypeFor[time.Time]()

// directFor returns the direct functions for typ, or nil if it has none.
func directFor(typ reflect.Type) *directFuncs {
	if hasMethods(typ) {
		return nil
	}
	switch typ.Kind() {
	case reflect.Slice:
		return directSlice(typ.Elem())
	case reflect.Map:
		return directMap(typ.Key(), typ.Elem())
	case reflect.Struct:
		if typ.Size() == 0 && typ.NumField() == 0 {
			return &directFuncs{append: appendEmpty, decode: decodeEmpty}
		}
		return nil
	default:
		return directKind(typ.Kind())
	}
}

// directKind returns the functions for a basic kind.
func directKind(kind reflect.Kind) *directFuncs {
	switch kind {
	case reflect.Bool:
		return basic(msgp.AppendBool, msgp.ReadBoolBytes)
	case reflect.Int:
		return &directFuncs{append: appendInt[int], decode: decodeInt[int]}
	case reflect.Int8:
		return &directFuncs{append: appendInt[int8], decode: decodeInt[int8]}
	case reflect.Int16:
		return &directFuncs{append: appendInt[int16], decode: decodeInt[int16]}
	case reflect.Int32:
		return &directFuncs{append: appendInt[int32], decode: decodeInt[int32]}
	case reflect.Int64:
		return &directFuncs{append: appendInt[int64], decode: decodeInt[int64]}
	case reflect.Uint:
		return &directFuncs{append: appendUint[uint], decode: decodeUint[uint]}
	case reflect.Uint8:
		return &directFuncs{append: appendUint[uint8], decode: decodeUint[uint8]}
	case reflect.Uint16:
		return &directFuncs{append: appendUint[uint16], decode: decodeUint[uint16]}
	case reflect.Uint32:
		return &directFuncs{append: appendUint[uint32], decode: decodeUint[uint32]}
	case reflect.Uint64:
		return &directFuncs{append: appendUint[uint64], decode: decodeUint[uint64]}
	case reflect.Float32:
		return basic(msgp.AppendFloat32, msgp.ReadFloat32Bytes)
	case reflect.Float64:
		return basic(msgp.AppendFloat64, msgp.ReadFloat64Bytes)
	case reflect.Complex64:
		return basic(msgp.AppendComplex64, msgp.ReadComplex64Bytes)
	case reflect.Complex128:
		return basic(msgp.AppendComplex128, msgp.ReadComplex128Bytes)
	case reflect.String:
		return sized(basic(addString, readString))
	default:
		return nil
	}
}

func basic[E any](add func([]byte, E) []byte, read func([]byte) (E, []byte, error)) *directFuncs {
	return &directFuncs{
		append: func(dst []byte, p unsafe.Pointer) []byte { return add(dst, *(*E)(p)) },
		decode: func(src []byte, p unsafe.Pointer) (rest []byte, err error) {
			*(*E)(p), rest, err = read(src)
			return rest, err
		},
	}
}

func sized(d *directFuncs) *directFuncs {
	d.sized = true
	return d
}

type signed interface {
	int | int8 | int16 | int32 | int64
}

type unsigned interface {
	uint | uint8 | uint16 | uint32 | uint64
}

func appendInt[E signed](dst []byte, p unsafe.Pointer) []byte { return addInt(dst, *(*E)(p)) }

func decodeInt[E signed](src []byte, p unsafe.Pointer) (rest []byte, err error) {
	*(*E)(p), rest, err = readInt[E](src)
	return rest, err
}

func appendUint[E unsigned](dst []byte, p unsafe.Pointer) []byte { return addUint(dst, *(*E)(p)) }

func decodeUint[E unsigned](src []byte, p unsafe.Pointer) (rest []byte, err error) {
	*(*E)(p), rest, err = readUint[E](src)
	return rest, err
}

// The numbers below 128 are one byte each, and by far the most frequent.

func addInt[E signed](dst []byte, v E) []byte {
	if v >= 0 && v <= 0x7f {
		return append(dst, byte(v))
	}
	return msgp.AppendInt64(dst, int64(v))
}

func addUint[E unsigned](dst []byte, v E) []byte {
	if v <= 0x7f {
		return append(dst, byte(v))
	}
	return msgp.AppendUint64(dst, uint64(v))
}

func readInt[E signed](src []byte) (E, []byte, error) {
	if len(src) != 0 && src[0] <= 0x7f {
		return E(src[0]), src[1:], nil
	}
	wide, rest, err := msgp.ReadInt64Bytes(src)
	if v := E(wide); int64(v) == wide {
		return v, rest, err
	}
	return 0, src, msgp.IntOverflow{Value: wide, FailedBitsize: int(unsafe.Sizeof(E(0))) * 8}
}

func readUint[E unsigned](src []byte) (E, []byte, error) {
	if len(src) != 0 && src[0] <= 0x7f {
		return E(src[0]), src[1:], nil
	}
	wide, rest, err := msgp.ReadUint64Bytes(src)
	if v := E(wide); uint64(v) == wide {
		return v, rest, err
	}
	return 0, src, msgp.UintOverflow{Value: wide, FailedBitsize: int(unsafe.Sizeof(E(0))) * 8}
}

func appendEmpty(dst []byte, _ unsafe.Pointer) []byte { return msgp.AppendNil(dst) }

func decodeEmpty(src []byte, _ unsafe.Pointer) ([]byte, error) { return msgp.ReadNilBytes(src) }

func addString(dst []byte, v string) []byte {
	checkLength(len(v))
	return msgp.AppendString(dst, v)
}

func appendBytes(dst, v []byte) []byte {
	if v == nil {
		return msgp.AppendNil(dst)
	}
	checkLength(len(v))
	return msgp.AppendBytes(dst, v)
}

// readBytes copies: what it returns shares nothing with src.
func readBytes(src []byte) ([]byte, []byte, error) {
	if msgp.IsNil(src) {
		return nil, src[1:], nil
	}
	if claimsMore(src) {
		return nil, src, msgp.ErrShortBytes
	}
	view, rest, err := msgp.ReadBytesZC(src)
	if err != nil {
		return nil, src, err
	}
	return CloneBytes(view), rest, nil
}

func readString(src []byte) (string, []byte, error) {
	if claimsMore(src) {
		return "", src, msgp.ErrShortBytes
	}
	return msgp.ReadStringBytes(src)
}

// claimsMore reports whether src begins with a string or bytes whose length, in 32 bits, is more than follows. Where int
// has 32 bits too, msgp takes such a length for a negative one.
func claimsMore(src []byte) bool {
	const bin32, str32, header = 0xc6, 0xdb, 5
	return len(src) >= header && (src[0] == bin32 || src[0] == str32) &&
		uint64(binary.BigEndian.Uint32(src[1:])) > uint64(len(src)-header)
}
