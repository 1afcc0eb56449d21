package wire

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// Faults of values. Every error of a [Codec], and of the decoders of this package, wraps one of them, or is
// the error or the panic (as *[PanicError]) of a method that the value's type has.
var (
	// ErrUnsupportedType is wrapped by CodecOf's error for a type that cannot travel, and by Append's for
	// such a value inside an interface.
	ErrUnsupportedType = errors.New("type cannot be sent to another process")
	// ErrMalformed is wrapped when bytes are not the encoding of the type that they are decoded into.
	ErrMalformed = errors.New("malformed MessagePack")
	// ErrTooLarge is wrapped when a string, slice or map is longer than MessagePack can say: 2^32-1 bytes or elements.
	ErrTooLarge = errors.New("too large for MessagePack")
	// ErrTooDeep is wrapped when a value, or an encoding, is nested more than MaxDepth levels deep. A value
	// that contains itself always is.
	ErrTooDeep = errors.New("nested too deeply (does the value contain itself?)")
)

// MaxDepth is how many levels of structs, slices, arrays, maps and pointers an encoded value may have.
const MaxDepth = 10_000

// A Codec encodes and decodes values of one type as MessagePack. It is immutable and safe for concurrent use,
// and its methods never block.
//
// How a value is encoded is decided once, in CodecOf:
//   - basic kinds, also named ones, slices of them, and maps of the unnamed ones with keys of type string, int,
//     int64 or uint64: by code that neither reflects nor allocates (but for what a decoded value is made of);
//   - types with both of msgp's methods, MarshalMsg and UnmarshalMsg: by those, wherever they are nested;
//   - other structs with encoding's binary or text methods: by those;
//   - everything else field by field: a struct is a map of its exported fields, which `msg:"name,omitempty"`
//     renames or leaves out and `msg:"-"` ignores, and an embedded struct is a field named for its type.
//
// What is decoded equals what was encoded, with these limits: a time.Time keeps its instant and its zone's
// offset, and loses its monotonic reading; a pointer to nil arrives as nil; pointers that were equal are
// distinct; unexported fields are zero; and a value in a field of type any arrives as one of the types that
// MessagePack knows: nil, bool, int64 (uint64 when it is larger), float32, float64, complex64, complex128,
// string, []byte, time.Time, []any, map[string]any (map[any]any when a key is no string) or, for what travels as a
// [Token], what the process's [Custodian] makes of it: a *manager.Proxy or *manager.Manager, or the Token itself where
// there is no custodian.
type Codec[T any] struct {
	typ      reflect.Type
	direct   *directFuncs // nil: the plan is used
	plan     *plan
	mayProxy bool
}

// CodecOf returns the codec of T, made at the first call for T and kept. It is safe for concurrent use.
// The error wraps ErrUnsupportedType, and names the way to the field that cannot travel: a channel, a function,
// an interface with methods (error is one), an unsafe.Pointer or uintptr, or a struct with fields of which none
// is exported.
func CodecOf[T any]() (*Codec[T], error) {
	typ := reflect.TypeFor[T]()
	if known, ok := codecs.Load(typ); ok {
		return known.(*Codec[T]), nil
	}
	c := &Codec[T]{typ: typ, direct: directFor(typ)}
	if c.direct == nil {
		p, err := planFor(typ)
		if err != nil {
			return nil, err
		}
		c.plan = p
		c.mayProxy = p.mayProxy
	}
	known, _ := codecs.LoadOrStore(typ, c)
	return known.(*Codec[T]), nil
}

// codecs holds one *Codec[T] for each T that was asked for.
var codecs sync.Map

// Append appends the encoding of *v to dst and returns the extended slice, which the caller owns. *v must not
// change meanwhile. On an error dst's bytes are as they were and the returned slice is dst. Errors wrap
// ErrTooDeep, ErrUnsupportedType (a value inside an interface), or what a method of the value's type returned
// or panicked with (*PanicError); ErrTooLarge is possible for any type with a length.
func (c *Codec[T]) Append(dst []byte, v *T) ([]byte, error) {
	if c.direct != nil {
		if !c.direct.sized {
			return c.direct.append(dst, unsafe.Pointer(v)), nil
		}
		return appendSized(dst, c.direct, unsafe.Pointer(v))
	}
	return appendPlanned(dst, c.plan, reflect.ValueOf(v).Elem())
}

// Decode decodes src into *v, which it overwrites whole. It keeps no part of src. src must be the encoding of
// one value and nothing else. Errors wrap ErrMalformed, ErrTooDeep, or what a method of the value's type
// returned or panicked with (*PanicError), as manager.ErrManagerLost for a proxy; *v is then in an unspecified, valid state. What is allocated is
// bounded by a multiple of len(src), whatever lengths src claims.
func (c *Codec[T]) Decode(src []byte, v *T) error {
	if c.direct != nil {
		return c.decodeDirect(src, unsafe.Pointer(v))
	}
	var zero T
	*v = zero
	return decodePlanned(src, c.plan, reflect.ValueOf(v).Elem())
}

// DecodeValue is Decode for a value of its own, which takes no memory beside what it is made of where Direct is true.
func (c *Codec[T]) DecodeValue(src []byte) (v T, err error) {
	if c.direct != nil {
		err = c.decodeDirect(src, hide(unsafe.Pointer(&v)))
		return v, err
	}
	made := new(T)
	err = c.Decode(src, made)
	return *made, err
}

func (c *Codec[T]) decodeDirect(src []byte, p unsafe.Pointer) error {
	rest, err := c.direct.decode(src, p)
	if err != nil || len(rest) != 0 {
		return decodeError(c.typ, err, len(rest))
	}
	return nil
}

// hide hides from the compiler where a pointer goes, so that what it points to may stay on the stack. That is right for
// directFuncs, which keep no pointer, and not for methods of users' types.
func hide(p unsafe.Pointer) unsafe.Pointer {
	address := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}

// Direct reports whether Append and Decode run neither code of the value's type nor reflection: they are then
// safe on a goroutine that must not be delayed by a user's code.
func (c *Codec[T]) Direct() bool { return c.direct != nil }

// MayHoldProxy reports whether an encoded T can contain tokens. Where it is false, FindTokens finds none and
// need not be called.
func (c *Codec[T]) MayHoldProxy() bool { return c.mayProxy }

func decodeError(typ reflect.Type, err error, trailing int) error {
	switch {
	case err == nil:
		return fmt.Errorf("wire: decode %v: %w: %d bytes after the value", typ, ErrMalformed, trailing)
	case errors.Is(err, ErrMalformed), errors.Is(err, ErrTooDeep), errors.As(err, new(*PanicError)), isOwn(err):
		return fmt.Errorf("wire: decode %v: %w", typ, err)
	default:
		return fmt.Errorf("wire: decode %v: %w: %w", typ, ErrMalformed, err)
	}
}
