package wire

import (
	"reflect"
	"unsafe"
)

// Fixed returns how many bytes a T takes in memory where T is a number, whose bytes mean the same in every process of one
// machine, and 0 for every other type. Values may be copied to and from such processes by AppendFixed and CopyFixed then.
func (c *Codec[T]) Fixed() int {
	if c.direct == nil || c.typ.Kind() < reflect.Int || c.typ.Kind() > reflect.Complex128 || c.typ.Kind() == reflect.Uintptr {
		return 0
	}
	return int(c.typ.Size())
}

// AppendFixed appends the memory of values to dst, which the caller owns, as do those who are returned. It panics for a
// type that is not Fixed.
func (c *Codec[T]) AppendFixed(dst []byte, values []T) []byte {
	return append(dst, c.memory(values)...)
}

// CopyFixed copies what AppendFixed appended into values, as much as fits, and returns how many bytes those were. It
// panics for a type that is not Fixed.
func (c *Codec[T]) CopyFixed(values []T, src []byte) int { return copy(c.memory(values), src) }

// memory is the memory of values, which have no pointers.
func (c *Codec[T]) memory(values []T) []byte {
	size := c.Fixed()
	if size == 0 {
		panic("wire: " + c.typ.String() + " is no number")
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), size*len(values))
}
