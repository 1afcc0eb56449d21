package sync

import (
	"slices"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/sync/internal/state"
	"github.com/multiproc-go/multiproc/wire"
)

// A message is the argument or the result of a call: MessagePack values one after another, which its maker and its
// reader agree on.
type message []byte

func (m message) uint(v uint64) message   { return msgp.AppendUint64(m, v) }
func (m message) int(v int) message       { return msgp.AppendInt64(m, int64(v)) }
func (m message) bool(v bool) message     { return msgp.AppendBool(m, v) }
func (m message) string(v string) message { return msgp.AppendString(m, v) }
func (m message) value(v []byte) message  { return append(m, v...) }

// arrayOf begins an array of so many values, which are to follow.
func (m message) arrayOf(n int) message { return msgp.AppendArrayHeader(m, uint32(n)) }

func (m message) values(values [][]byte) message {
	m = m.arrayOf(len(values))
	for _, v := range values {
		m = append(m, v...)
	}
	return m
}

// mapOf is a map of the entries, in their order.
func mapOf(entries []state.Entry) message {
	m := message(msgp.AppendMapHeader(nil, uint32(len(entries))))
	for _, e := range entries {
		m = append(append(m, e.Key...), e.Value...)
	}
	return m
}

func (m message) uints(values []uint64) message {
	m = m.arrayOf(len(values))
	for _, v := range values {
		m = msgp.AppendUint64(m, v)
	}
	return m
}

// A reader takes a message apart. After the first fault everything it returns is zero.
type reader struct {
	rest  []byte
	fault error
}

func read[T any](r *reader, from func([]byte) (T, []byte, error)) T {
	var zero T
	if r.fault != nil {
		return zero
	}
	v, rest, err := from(r.rest)
	if err != nil {
		r.fault = malformed(err)
		return zero
	}
	r.rest = rest
	return v
}

func (r *reader) uint() uint64   { return read(r, msgp.ReadUint64Bytes) }
func (r *reader) int() int       { return int(read(r, msgp.ReadInt64Bytes)) }
func (r *reader) bool() bool     { return read(r, msgp.ReadBoolBytes) }
func (r *reader) string() string { return read(r, msgp.ReadStringBytes) }

// value returns the bytes of the next value, in the message's memory.
func (r *reader) value() []byte {
	return read(r, func(from []byte) ([]byte, []byte, error) {
		rest, err := msgp.Skip(from)
		if err != nil {
			return nil, from, err
		}
		end := len(from) - len(rest)
		return from[:end:end], rest, nil
	})
}

// length returns the length of the array that comes next, of which each element takes at least a byte.
func (r *reader) length() int { return r.header(msgp.ReadArrayHeaderBytes) }

// entries returns the length of the map that comes next.
func (r *reader) entries() int { return r.header(msgp.ReadMapHeaderBytes) }

func (r *reader) header(from func([]byte) (uint32, []byte, error)) int {
	n := read(r, from)
	if uint64(n) > uint64(len(r.rest)) && r.fault == nil {
		r.fault = malformed(msgp.ErrShortBytes)
	}
	if r.fault != nil {
		return 0
	}
	return int(n)
}

// values returns the bytes of the values in the array that comes next, each in memory of its own: they may be kept for
// very different times.
func (r *reader) values() [][]byte {
	n := r.length()
	values := make([][]byte, 0, n)
	for range n {
		values = append(values, slices.Clone(r.value()))
	}
	if r.fault != nil {
		return nil
	}
	return values
}

func (r *reader) uints() []uint64 {
	n := r.length()
	numbers := make([]uint64, 0, n)
	for range n {
		numbers = append(numbers, r.uint())
	}
	return numbers
}

// err returns the first fault, or that something is left over.
func (r *reader) err() error {
	if r.fault == nil && len(r.rest) > 0 {
		r.fault = malformed(errLeftOver)
	}
	return r.fault
}

func malformed(why error) error { return &malformedError{why} }

// A malformedError is a message that is not what it should be.
type malformedError struct{ why error }

func (e *malformedError) Error() string   { return "malformed message: " + e.why.Error() }
func (e *malformedError) Unwrap() []error { return []error{wire.ErrMalformed, e.why} }
