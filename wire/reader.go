package wire

import (
	"errors"
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

// A Reader takes apart a message that is MessagePack values one after another: what those send each other who need no
// types for it. It believes no length that the message does not bear out, on any platform, so that it neither panics nor
// allocates more than the message is worth.
//
// It keeps the first fault, and from then on returns zero values: so a whole message is read without a look at errors, and
// Err or End tells at last whether that was right. Errors wrap ErrMalformed, or ErrTooDeep.
//
// It does not copy the message, which must not change while the Reader or what Bytes, Value and Rest have returned is in
// use. A Reader is not safe for concurrent use.
type Reader struct {
	rest []byte
	err  error
}

// NewReader returns a Reader of a message.
func NewReader(message []byte) *Reader { return &Reader{rest: message} }

// Uint reads a whole number from 0.
func (r *Reader) Uint() uint64 { return readNext(r, readUint[uint64]) }

// Int reads a whole number. One that is no int of this platform is a fault.
func (r *Reader) Int() int { return readNext(r, readInt[int]) }

// Int64 reads a whole number.
func (r *Reader) Int64() int64 { return readNext(r, readInt[int64]) }

// Bool reads true or false.
func (r *Reader) Bool() bool { return readNext(r, msgp.ReadBoolBytes) }

// Text reads a string.
func (r *Reader) Text() string { return readNext(r, readString) }

// Bytes reads a byte string. What it returns is a part of the message.
func (r *Reader) Bytes() []byte {
	return readNext(r, func(src []byte) ([]byte, []byte, error) {
		if claimsMore(src) {
			return nil, src, msgp.ErrShortBytes
		}
		view, rest, err := msgp.ReadBytesZC(src)
		return view[:len(view):len(view)], rest, err
	})
}

// Value reads a value of any type, with all that is in it, and returns its encoding. That is a part of the message.
func (r *Reader) Value() []byte {
	return readNext(r, func(src []byte) ([]byte, []byte, error) {
		rest, err := skipValue(src)
		if err != nil {
			return nil, src, err
		}
		n := len(src) - len(rest)
		return src[:n:n], rest, nil
	})
}

// Array reads the head of an array and returns how many values follow that belong to it. As many bytes follow at least.
func (r *Reader) Array() int { return r.count(1, msgp.ReadArrayHeaderBytes) }

// Map reads the head of a map and returns how many pairs of values follow that belong to it. Twice as many bytes follow at
// least.
func (r *Reader) Map() int { return r.count(2, msgp.ReadMapHeaderBytes) }

func (r *Reader) count(each uint64, head func([]byte) (uint32, []byte, error)) int {
	return readNext(r, func(src []byte) (int, []byte, error) {
		n, rest, err := head(src)
		if err == nil && uint64(n)*each > uint64(len(rest)) {
			err = msgp.ErrShortBytes
		}
		return int(n), rest, err
	})
}

// Rest returns what was not read yet, which is a part of the message.
func (r *Reader) Rest() []byte { return r.rest }

// Fail makes err the fault, unless there is one already.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Err returns the first fault.
func (r *Reader) Err() error { return r.err }

// End returns the first fault. It is one that something is left over.
func (r *Reader) End() error {
	if len(r.rest) > 0 {
		r.Fail(malformed(fmt.Sprintf("%d bytes are left over", len(r.rest))))
	}
	return r.err
}

// readNext reads the next value, unless there was a fault before.
func readNext[T any](r *Reader, decode func([]byte) (T, []byte, error)) T {
	var zero T
	if r.err != nil {
		return zero
	}
	v, rest, err := decode(r.rest)
	if err != nil {
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooDeep) {
			err = fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		r.err = err
		return zero
	}
	r.rest = rest
	return v
}
