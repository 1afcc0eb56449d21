package wire

import (
	"encoding/binary"
	"reflect"
	"unsafe"
)

// BytesHeader is how many bytes AppendBytesHeader appends.
const BytesHeader = 5

const bin32 = 0xc6

// AppendBytesHeader appends what stands before n bytes in their encoding, where n is at most 2^32-1: so may large ones be
// encoded without a copy of their own.
func AppendBytesHeader(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, bin32), uint32(n))
}

// Bytes returns the bytes of *v when T is []byte, or a type like it, without a copy. AppendBytesHeader and those are its
// encoding. False for any other type.
func (c *Codec[T]) Bytes(v *T) ([]byte, bool) {
	if c.direct == nil || c.typ.Kind() != reflect.Slice || c.typ.Elem().Kind() != reflect.Uint8 {
		return nil, false
	}
	return *(*[]byte)(unsafe.Pointer(v)), true
}

// DecodeShared is Decode for memory that another process may change meanwhile: it looks at a copy. Bytes are copied once, by
// clone, which is CloneBytes or does the same.
func (c *Codec[T]) DecodeShared(src []byte, v *T, clone func([]byte) []byte) error {
	if _, ok := c.Bytes(v); ok && len(src) >= BytesHeader {
		var head [BytesHeader]byte
		copy(head[:], src)
		if body := src[BytesHeader:]; len(body) > 0 && head[0] == bin32 && uint64(binary.BigEndian.Uint32(head[1:])) == uint64(len(body)) {
			*(*[]byte)(unsafe.Pointer(v)) = clone(body)
			return nil
		}
	}
	return c.Decode(CloneBytes(src), v)
}
