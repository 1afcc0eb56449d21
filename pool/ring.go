package pool

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
)

// A ring carries records from one process to another through memory that both have mapped. One side writes,
// the other reads; each publishes how far it is by a word of its own. A record is
//
//	length uint32   bytes of payload
//	meta   uint32   the function or the kind of result, and flags
//	payload         padded to a multiple of 8
//
// in the machine's byte order, and never wraps: where the room before the end is too small, a record of
// length skipRest sends the reader to the start. Positions only grow; their remainder is the place.
const (
	recordHeader = 8
	skipRest     = 1<<32 - 1
)

var errCorrupt = errors.New("the memory shared with the worker is corrupt")

func padded(n int) int { return (n + 7) &^ 7 }

// ringWriter is the writing end. It trusts nothing that the reader writes.
type ringWriter struct {
	ring     []byte
	tail     *atomic.Uint64 // ours: what is published
	head     *atomic.Uint64 // the reader's: what it has done with
	position uint64         // what is reserved
	seen     uint64         // head when last looked at
}

// largest is how long a payload may be to go through the ring: beyond it, one record would hold up many.
func (w *ringWriter) largest() int { return len(w.ring)/4 - recordHeader }

// reserve returns room for a record of n bytes of payload, which must not exceed largest, or nil when the
// ring is full. The record becomes visible by publish.
func (w *ringWriter) reserve(n int, meta uint32) ([]byte, error) {
	need := uint64(recordHeader + padded(n))
	size := uint64(len(w.ring))
	place := w.position & (size - 1)
	skip := uint64(0)
	if place+need > size {
		skip = size - place
	}
	if w.position+skip+need-w.seen > size {
		head := w.head.Load()
		if head < w.seen || head > w.position {
			return nil, errCorrupt
		}
		w.seen = head
		if w.position+skip+need-w.seen > size {
			return nil, nil
		}
	}
	if skip > 0 {
		binary.NativeEndian.PutUint32(w.ring[place:], skipRest)
		w.position += skip
		place = 0
	}
	record := w.ring[place : place+need]
	binary.NativeEndian.PutUint32(record, uint32(n))
	binary.NativeEndian.PutUint32(record[4:], meta)
	w.position += need
	return record[recordHeader : recordHeader+n : recordHeader+n], nil
}

// publish lets the reader see what was reserved and filled.
func (w *ringWriter) publish() { w.tail.Store(w.position) }

// ringReader is the reading end.
type ringReader struct {
	ring     []byte
	tail     *atomic.Uint64 // the writer's
	head     *atomic.Uint64 // ours
	position uint64
}

// empty reports whether nothing is published that was not released.
func (r *ringReader) empty() bool { return r.tail.Load() == r.position }

// span returns the records that are published and lie in one piece, which may be none: whole records alone,
// if the writer is sound. release gives their room back.
func (r *ringReader) span() ([]byte, error) {
	tail := r.tail.Load()
	size := uint64(len(r.ring))
	if tail < r.position || tail-r.position > size || tail&7 != 0 {
		return nil, errCorrupt
	}
	for tail != r.position {
		place := r.position & (size - 1)
		if binary.NativeEndian.Uint32(r.ring[place:]) == skipRest {
			r.position += size - place
			if tail < r.position {
				return nil, errCorrupt
			}
			r.head.Store(r.position)
			continue
		}
		return r.ring[place:min(size, place+tail-r.position)], nil
	}
	return nil, nil
}

// release gives back the first n bytes of the last span.
func (r *ringReader) release(n int) {
	r.position += uint64(n)
	r.head.Store(r.position)
}

// record is one record of a span.
type record struct {
	meta    uint32
	payload []byte
	size    int // bytes in the span
}

// first returns the first record of a span that is not empty; false at a skip.
func firstRecord(span []byte) (record, bool, error) {
	if len(span) < recordHeader {
		return record{}, false, errCorrupt
	}
	length := binary.NativeEndian.Uint32(span)
	if length == skipRest {
		return record{}, false, nil
	}
	if uint64(length) > uint64(len(span)-recordHeader) || recordHeader+padded(int(length)) > len(span) {
		return record{}, false, errCorrupt
	}
	n := int(length)
	return record{
		meta:    binary.NativeEndian.Uint32(span[4:]),
		payload: span[recordHeader : recordHeader+n : recordHeader+n],
		size:    recordHeader + padded(n),
	}, true, nil
}
