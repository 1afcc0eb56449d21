package pool

import (
	"encoding/binary"

	"github.com/multiproc-go/multiproc/wire"
)

// landing is what a worker knows of its results in the arena: those in use, in the order in which they were sent.
type landing struct {
	used  pieces
	order deque[piece]
	taken uint64 // how many of them the link was done with when last asked
}

// isFollowed reports whether the link has something to do while the task of a record of so many bytes runs: it has said so, or
// another record is behind that one.
func (w *worker) isFollowed(record int) bool {
	return w.shared.word(wordLinkRuns).Load()&linkGoesOn != 0 || w.tasks.tail.Load()-w.tasks.position > uint64(record)
}

// largeArgument returns the argument of which a record says where it is. It is told whether that is followed.
func (w *worker) largeArgument(where []byte, followed bool) ([]byte, error) {
	if w.arena == nil || len(where) != pieceSize {
		return nil, errCorrupt
	}
	if followed {
		w.apart.keep(w.shared.word(wordLinkRuns).Load() &^ linkGoesOn)
	}
	return pieceOf(w.arena.args, binary.NativeEndian.Uint64(where), binary.NativeEndian.Uint64(where[8:]))
}

// answerBytes publishes large bytes, which are not encoded yet.
func (w *worker) answerBytes(body []byte) error {
	var room [wire.BytesHeader]byte
	head := wire.AppendBytesHeader(room[:0], len(body))
	if told, err := w.land(head, body, resultValue); told || err != nil {
		return err
	}
	return w.send(head, body, resultValue)
}

// land publishes a large result by the arena. It reports whether there was room for it.
func (w *worker) land(head, body []byte, kind uint32) (told bool, err error) {
	if w.arena == nil {
		return false, nil
	}
	w.bulky = true
	s := &w.sending
	for taken := w.shared.word(wordLargeTaken).Load(); s.taken < taken && s.order.len() > 0; s.taken++ {
		s.used.give(s.order.popFront())
	}
	lead := 0
	if len(head) > 0 {
		lead = leadSize
	}
	place, ok := s.used.take(lead+len(head)+len(body), len(w.arena.results))
	if !ok {
		return false, nil
	}
	s.order.pushBack(place)
	at, end := place.at+lead, place.at+place.size
	_ = append(append(w.arena.results[at:at:end], head...), body...)
	var where [pieceSize]byte
	return true, w.send(nil, wherePiece(where[:0], uint64(at), uint64(end-at)), kind|resultArena)
}
