package manager

import (
	"errors"
	"time"
)

// A transit is what one session has taken for messages that are on their way. Those references outlive the session for a
// while, so that a message that arrives after its sender has died is as good as any.
//
// What holds, of every reference in transit: it was taken by one dispatch, for one parcel, and is dropped exactly once, by
// the first of these: a recall of that very parcel, or the end of the grace after the session's end. A parcel with a
// passage is one message's alone, so whoever has adopted that message, or throws it away, recalls it, from any session. A
// parcel without one may be any of several messages; the session that took it alone recalls it, and no arrival does. A
// receiver recalls only after it has its own reference, so at no moment between the dispatch and the last proxy is the
// object without one.
type transit struct {
	counts table[parcel, int]
	timer  *time.Timer // of one whose session has ended
}

// A parcel is an object in a message, and the message's passage, or 0 for one that has none.
type parcel struct{ object, passage uint64 }

// errPassage is for a client that does not choose its passages at random.
var errPassage = errors.New("manager: the passage is another session's")

// dispatch takes references in transit for a session, all or none. The numbers are pairs of an object and a passage.
func (s *Server) dispatch(from *Session, numbers []uint64) error {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if from.ended {
		return errSessionEnded
	}
	for p := range parcelsIn(numbers) {
		if r.objects.get(p.object) == nil {
			return noSuchObject(p.object)
		}
		if t := r.passages.get(p); t != nil && t != from.transit {
			return errPassage
		}
	}
	if from.transit == nil {
		from.transit = &transit{}
		r.transits[from.transit] = struct{}{}
	}
	for p := range parcelsIn(numbers) {
		r.objects.get(p.object).references++
		from.transit.counts.set(p, from.transit.counts.get(p)+1)
		if p.passage != 0 {
			r.passages.set(p, from.transit)
		}
	}
	return nil
}

// parcelsIn reads pairs of numbers.
func parcelsIn(numbers []uint64) func(yield func(parcel) bool) {
	return func(yield func(parcel) bool) {
		for ; len(numbers) >= 2; numbers = numbers[2:] {
			if !yield(parcel{numbers[0], numbers[1]}) {
				return
			}
		}
	}
}

// recall drops one reference in transit for each parcel that is still on its way: for one with a passage whoever has
// dispatched it, otherwise of this session's.
func (s *Server) recall(by *Session, numbers []uint64) {
	r := s.registry
	r.mu.Lock()
	var gone []*entry
	for p := range parcelsIn(numbers) {
		t := by.transit
		if p.passage != 0 {
			t = r.passages.get(p)
		}
		if t != nil {
			gone = r.arriveLocked(gone, t, p)
		}
	}
	r.mu.Unlock()
	tellGone(gone)
}

func (r *registry) arriveLocked(gone []*entry, t *transit, p parcel) []*entry {
	count := t.counts.get(p)
	if count == 0 {
		return gone
	}
	t.counts.put(p, count-1)
	if count == 1 {
		r.passages.remove(p)
	}
	if t.counts.length() == 0 && t.timer != nil { // nothing is left to wait for
		t.timer.Stop()
		delete(r.transits, t)
	}
	return r.dropLocked(gone, p.object, 1)
}

// endTransit gives what a session that is over had in transit the grace to arrive.
func (s *Server) endTransit(from *Session) {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	t := from.transit
	switch {
	case t == nil:
	case t.counts.length() == 0:
		delete(r.transits, t)
	case s.ctx.Err() == nil: // else all objects go with the server
		t.timer = time.AfterFunc(s.options.TransitGrace, func() { s.abandon(t) })
	}
}

// abandon drops what has not arrived.
func (s *Server) abandon(t *transit) {
	r := s.registry
	r.mu.Lock()
	var gone []*entry
	for p, count := range t.counts.elements {
		r.passages.remove(p)
		gone = r.dropLocked(gone, p.object, count)
	}
	t.counts = table[parcel, int]{}
	delete(r.transits, t)
	r.mu.Unlock()
	tellGone(gone)
}

// stopTransits stops the timers of a server that ends. Its context has ended.
func (s *Server) stopTransits() {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range r.transits {
		if t.timer != nil {
			t.timer.Stop()
		}
	}
}
