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
func (m message) bool(v bool) message     { return msgp.AppendBool(m, v) }
func (m message) string(v string) message { return msgp.AppendString(m, v) }
func (m message) value(v []byte) message  { return append(m, v...) }

// int appends a whole number. A message that is a small one takes no memory of its own.
func (m message) int(v int) message {
	if m == nil && 0 <= v && v < len(smallInts) {
		return smallInts[v : v+1 : v+1]
	}
	return msgp.AppendInt64(m, int64(v))
}

// smallInts are the whole numbers that take one byte, as they are encoded. Nobody changes them.
var smallInts = func() (encoded [128]byte) {
	for i := range encoded {
		encoded[i] = byte(i)
	}
	return encoded
}()

// arrayOf begins an array of so many values, which are to follow.
func (m message) arrayOf(n int) message { return msgp.AppendArrayHeader(m, uint32(n)) }

func (m message) values(values [][]byte) message {
	size := 5 // of the longest head
	for _, v := range values {
		size += len(v)
	}
	m = slices.Grow(m, size).arrayOf(len(values))
	for _, v := range values {
		m = append(m, v...)
	}
	return m
}

// mapOf is a map of the entries, in their order.
func mapOf(entries []state.Entry) message {
	size := 5 // of the longest head
	for _, e := range entries {
		size += len(e.Key) + len(e.Value)
	}
	m := message(msgp.AppendMapHeader(make([]byte, 0, size), uint32(len(entries))))
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

// A reader takes a message apart.
type reader = wire.Reader

// readValues returns the bytes of the values in the array that comes next, each in memory of its own: they may be kept for
// very different times.
func readValues(r *reader) [][]byte {
	n := r.Array()
	values := make([][]byte, 0, n)
	for range n {
		values = append(values, slices.Clone(r.Value()))
	}
	if r.Err() != nil {
		return nil
	}
	return values
}

func readUints(r *reader) []uint64 {
	n := r.Array()
	numbers := make([]uint64, 0, n)
	for range n {
		numbers = append(numbers, r.Uint())
	}
	return numbers
}
