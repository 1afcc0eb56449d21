package manager

import (
	"time"
)

// A transit is what one session has dispatched: references that belong to messages on their way from its process to the
// one that started it, or to another of its children. They outlive the session for a while, so that a message that
// arrives after its sender has died is as good as any.
type transit struct {
	to     string // the process that started the sender; "" for none
	counts map[uint64]int
	timer  *time.Timer // of one whose session has ended
}

// dispatch takes references in transit for a session, all or none.
func (s *Server) dispatch(from *Session, ids []uint64) error {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if from.ended {
		return errSessionEnded
	}
	for _, id := range ids {
		if r.objects.get(id) == nil {
			return noSuchObject(id)
		}
	}
	if from.transit == nil {
		from.transit = &transit{counts: map[uint64]int{}}
		if g := from.client.Load(); g != nil {
			from.transit.to = g.Parent
		}
		r.transits = append(r.transits, from.transit)
	}
	for _, id := range ids {
		r.objects.get(id).references++
		from.transit.counts[id]++
	}
	return nil
}

// recall takes back what is still in transit of what a session has dispatched.
func (s *Server) recall(from *Session, ids []uint64) {
	r := s.registry
	r.mu.Lock()
	var gone []*entry
	if from.transit != nil {
		for _, id := range ids {
			gone = r.arriveLocked(gone, from.transit, id)
		}
	}
	r.mu.Unlock()
	tellGone(gone)
}

// received ends the transit of one reference to each object, of those that are on their way to the session's process.
// Where several children have dispatched the same object it does not matter whose it is.
func (s *Server) received(by *Session, ids []uint64) {
	g := by.client.Load()
	if g == nil || g.Process == "" {
		return
	}
	r := s.registry
	r.mu.Lock()
	var gone []*entry
	for _, id := range ids {
		for _, t := range r.transits {
			if t.to == g.Process && t.counts[id] > 0 {
				gone = r.arriveLocked(gone, t, id)
				break
			}
		}
	}
	r.mu.Unlock()
	tellGone(gone)
}

func (r *registry) arriveLocked(gone []*entry, t *transit, id uint64) []*entry {
	if t.counts[id] == 0 {
		return gone
	}
	if t.counts[id]--; t.counts[id] == 0 {
		delete(t.counts, id)
	}
	return r.dropLocked(gone, id, 1)
}

// endTransit gives what a session that is over had in transit the grace to arrive.
func (s *Server) endTransit(from *Session) {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	t := from.transit
	switch {
	case t == nil:
	case len(t.counts) == 0:
		r.removeTransitLocked(t)
	default:
		t.timer = time.AfterFunc(s.options.TransitGrace, func() { s.abandon(t) })
	}
}

// abandon drops what has not arrived.
func (s *Server) abandon(t *transit) {
	r := s.registry
	r.mu.Lock()
	var gone []*entry
	for id, count := range t.counts {
		gone = r.dropLocked(gone, id, count)
	}
	clear(t.counts)
	r.removeTransitLocked(t)
	r.mu.Unlock()
	tellGone(gone)
}

func (r *registry) removeTransitLocked(t *transit) {
	for i, known := range r.transits {
		if known == t {
			r.transits = append(r.transits[:i], r.transits[i+1:]...)
			return
		}
	}
}

// stopTransits stops the timers of a server that ends.
func (s *Server) stopTransits() {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.transits {
		if t.timer != nil {
			t.timer.Stop()
		}
	}
}
