package state

import (
	"math"

	"github.com/tinylib/msgp/msgp"
)

// A NumberKind says as which of Go's types a number counts: how it is encoded, and where it wraps around. It is the
// type's letter, i, u or f, shifted by its size in bits.
type NumberKind uint16

// The kinds of numbers.
const (
	signed   NumberKind = 'i' << 8
	unsigned NumberKind = 'u' << 8
	floating NumberKind = 'f' << 8

	bitsOf NumberKind = 0xff
)

// Signed returns the kind of ints with so many bits, up to 64.
func Signed(bits int) NumberKind { return signed | NumberKind(bits) }

// Unsigned returns the kind of uints with so many bits, up to 64.
func Unsigned(bits int) NumberKind { return unsigned | NumberKind(bits) }

// Float returns the kind of floats with 32 or 64 bits.
func Float(bits int) NumberKind { return floating | NumberKind(bits) }

// Add adds two encoded numbers as Go does, and returns their sum as package wire encodes it. The error is ErrNotNumber.
func Add(kind NumberKind, a, b []byte) ([]byte, error) {
	bits := int(kind & bitsOf)
	switch kind &^ bitsOf {
	case signed:
		x, y, err := both(a, b, msgp.ReadInt64Bytes)
		if err != nil || bits == 0 || bits > 64 {
			return nil, ErrNotNumber
		}
		unused := 64 - bits
		return msgp.AppendInt64(nil, (x+y)<<unused>>unused), nil
	case unsigned:
		x, y, err := both(a, b, msgp.ReadUint64Bytes)
		if err != nil || bits == 0 || bits > 64 {
			return nil, ErrNotNumber
		}
		return msgp.AppendUint64(nil, (x+y)&(math.MaxUint64>>(64-bits))), nil
	case floating:
		if bits == 32 {
			x, y, err := both(a, b, msgp.ReadFloat32Bytes)
			if err != nil {
				return nil, ErrNotNumber
			}
			return msgp.AppendFloat32(nil, x+y), nil
		}
		x, y, err := both(a, b, msgp.ReadFloat64Bytes)
		if err != nil {
			return nil, ErrNotNumber
		}
		return msgp.AppendFloat64(nil, x+y), nil
	default:
		return nil, ErrNotNumber
	}
}

func both[T any](a, b []byte, read func([]byte) (T, []byte, error)) (x, y T, err error) {
	x, rest, err := read(a)
	if err != nil || len(rest) > 0 {
		return x, y, ErrNotNumber
	}
	y, rest, err = read(b)
	if err != nil || len(rest) > 0 {
		return x, y, ErrNotNumber
	}
	return x, y, nil
}
