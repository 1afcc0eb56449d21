package wire

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
)

// A ring carries frames from one process to another through memory that both have mapped. One side writes, the other
// reads; each publishes how far it is by a word of its own. A record is
//
//	length uint32   bytes of frames
//	kind   uint32   recordFrames or recordDetour
//	frames          whole ones with their short headers, padded to a multiple of 8
//
// in the machine's byte order, and never wraps: where the room before the end is too small, a record of length skipRest
// sends the reader to the start. Positions only grow; their remainder is the place.
const (
	recordHeader = 8
	skipRest     = 1<<32 - 1

	recordFrames = 0
	recordDetour = 1 // what follows comes by the socket

	// homeBytes is how much of a ring is used as long as its reader keeps up: the rest takes no memory then.
	homeBytes = 8 << 10
	// lookEvery is after how many bytes beyond those a writer looks whether its reader has kept up: what the reader writes is in
	// the other processor's cache.
	lookEvery = 1 << 10
	// giveEvery is how many bytes a reader gives back together, if there are as many.
	giveEvery = 1 << 10
)

func errCorrupt(what string) error {
	return fmt.Errorf("%w: the memory shared with the peer is corrupt: %s", ErrProtocol, what)
}

func padded(n int) int { return (n + 7) &^ 7 }

// A ringWriter is the writing end. It trusts nothing that the reader writes.
type ringWriter struct {
	ring     []byte
	tail     *atomic.Uint64 // ours: what is published
	head     *atomic.Uint64 // the reader's: what it has done with
	position uint64         // what is written
	seen     uint64         // head when last looked at
}

// look takes notice of how far the reader is.
func (w *ringWriter) look() error {
	head := w.head.Load()
	if head < w.seen || head > w.position {
		return errCorrupt("the reader's position")
	}
	w.seen = head
	return nil
}

// reserve returns room for a record of n bytes of frames, which must not exceed largestRecord, or nil when the ring is too full
// for it and a detour. The record becomes visible by publish.
func (w *ringWriter) reserve(n int) ([]byte, error) {
	need, size := uint64(recordHeader+padded(n)), uint64(len(w.ring))
	place := w.position & (size - 1)
	skip := uint64(0)
	if end := place + need; end > homeBytes && place > 0 && end/lookEvery != place/lookEvery {
		if err := w.look(); err != nil {
			return nil, err
		}
		if w.seen == w.position && place >= need+recordHeader || place+need > size { // so that there is room for skip and need
			skip = size - place
		}
	}
	if w.position+skip+need+recordHeader-w.seen > size {
		if err := w.look(); err != nil {
			return nil, err
		}
		if w.position+skip+need+recordHeader-w.seen > size {
			return nil, nil
		}
	}
	if skip > 0 {
		binary.NativeEndian.PutUint32(w.ring[place:], skipRest)
		w.position += skip
		place = 0
	}
	return w.record(place, n, recordFrames), nil
}

func (w *ringWriter) record(place uint64, n int, kind uint32) []byte {
	record := w.ring[place : place+uint64(recordHeader+padded(n))]
	binary.NativeEndian.PutUint32(record, uint32(n))
	binary.NativeEndian.PutUint32(record[4:], kind)
	w.position += uint64(len(record))
	return record[recordHeader : recordHeader+n : recordHeader+n]
}

// publish lets the reader see what was reserved and filled.
func (w *ringWriter) publish() {
	tellPublished()
	w.tail.Store(w.position)
}

// detour publishes that what follows comes by the socket. There is always room for it: reserve leaves some, and after it
// nothing is reserved before the ring is empty.
func (w *ringWriter) detour() {
	w.record(w.position&(uint64(len(w.ring))-1), 0, recordDetour)
	w.publish()
}

// What a ringReader finds.
type found int

const (
	foundNothing found = iota
	foundFrame
	foundDetour
)

// A ringReader is the reading end. It trusts nothing that the writer writes.
type ringReader struct {
	ring     []byte
	tail     *atomic.Uint64 // the writer's
	head     *atomic.Uint64 // ours
	position uint64         // of the record that is being read, or the next one
	seen     uint64         // tail when last looked at
	given    uint64         // head

	at, end int // what is left of the record that is being read, in the ring
	ended   bool
}

// empty reports whether nothing is there that was not read. A position of the writer that cannot be counts as something.
func (r *ringReader) empty() bool {
	return r.at == r.end && r.seen == r.position && (r.ended || r.tail.Load() == r.position)
}

// look takes notice of how far the writer is.
func (r *ringReader) look() error {
	if r.ended {
		return nil
	}
	tail := r.tail.Load()
	if tail < r.seen || tail-r.position > uint64(len(r.ring)) || tail&7 != 0 {
		return errCorrupt("the writer's position")
	}
	r.seen = tail
	tellSeen()
	return nil
}

// close has the reader look at no more than what is published now: the writer is gone.
func (r *ringReader) close() error {
	err := r.look()
	r.ended = true
	return err
}

// next returns the next frame, in buf's memory where its capacity is enough.
func (r *ringReader) next(buf []byte) ([]byte, found, error) {
	for r.at == r.end {
		if r.seen == r.position {
			if err := r.look(); err != nil || r.seen == r.position {
				return buf, foundNothing, err
			}
		}
		if detour, err := r.open(); err != nil || detour {
			return buf, foundDetour, err
		}
	}
	left := r.end - r.at
	if left < shortHeader {
		return buf, foundNothing, errCorrupt("a piece of a header")
	}
	length := binary.BigEndian.Uint32(r.ring[r.at:])
	if uint64(length) > uint64(left-shortHeader) {
		return buf, foundNothing, errCorrupt("a frame is longer than its record")
	}
	n := int(length)
	buf = append(buf[:0], r.ring[r.at+shortHeader:r.at+shortHeader+n]...)
	if r.at += shortHeader + n; r.at == r.end {
		r.release(recordHeader + padded(r.end-int(r.position&(uint64(len(r.ring))-1))-recordHeader))
	}
	return buf, foundFrame, nil
}

// open begins the next record, of which something is published. It passes over what has no frames.
func (r *ringReader) open() (detour bool, err error) {
	size := uint64(len(r.ring))
	place, published := r.position&(size-1), r.seen-r.position
	header := r.ring[place : place+recordHeader]
	length, kind := binary.NativeEndian.Uint32(header), binary.NativeEndian.Uint32(header[4:])
	switch {
	case length == skipRest && place == 0: // or whoever writes such ones fast enough would keep next from returning
		return false, errCorrupt("a skip at the start")
	case length == skipRest:
		if size-place > published {
			return false, errCorrupt("a skip beyond what is published")
		}
		r.release(int(size - place))
		return false, nil
	case uint64(length) > size, uint64(recordHeader+padded(int(length))) > min(published, size-place):
		return false, errCorrupt("a record beyond what is published")
	case kind == recordDetour && length == 0:
		r.release(recordHeader)
		return true, nil
	case kind != recordFrames || length == 0:
		return false, errCorrupt("an unknown record")
	}
	r.at = int(place) + recordHeader
	r.end = r.at + int(length)
	return false, nil
}

// release gives back n bytes: at once, if nothing more was published when last looked at, or together with what follows.
func (r *ringReader) release(n int) {
	r.at, r.end = 0, 0
	r.position += uint64(n)
	if r.position == r.seen || r.position-r.given >= giveEvery {
		r.given = r.position
		r.head.Store(r.position)
	}
}
