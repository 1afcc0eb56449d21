package manager

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/multiproc-go/multiproc/wire"
)

// An entry is a shared object in its manager's table. Its fields are immutable, but for those that the registry guards.
type entry struct {
	id       uint64
	kind     *registeredType
	name     string
	argument string // of a named one, to compare with a later creation
	pinned   bool
	host     *Host
	place    *place
	made     chan struct{} // closed when object or failed is set
	object   Object
	failed   error

	references int            // of sessions, of objects that contain it, in transit, and one if pinned
	contained  map[uint64]int // references that this object keeps to others
	watchers   []*Session     // that have called a SessionWatcher
}

// A registry is the table of a server's objects and of who refers to them. It calls no code of an object while it is
// locked. Numbers begin at a random multiple of 2^20, so that a token from an earlier manager at the same address finds nothing.
type registry struct {
	mu      sync.RWMutex // guards the fields below, those of the entries, and the references of sessions
	objects table[uint64, *entry]
	names   map[string]*entry
	last    uint64

	transits map[*transit]struct{}   // of sessions that have dispatched something
	passages table[parcel, *transit] // whose each parcel with a passage is
}

func newRegistry() *registry {
	var life [4]byte
	_, _ = rand.Read(life[:]) // it never fails: Go ends the program instead
	return &registry{names: map[string]*entry{}, transits: map[*transit]struct{}{}, last: uint64(binary.LittleEndian.Uint32(life[:])) << 20}
}

// find returns the object with a number, if it is made, and notes that the session has called it.
func (r *registry) find(id uint64, s *Session) *entry {
	r.mu.RLock()
	e := r.objects.get(id)
	known := e != nil && s.watched[id] != nil
	r.mu.RUnlock()
	if known {
		return e
	}
	if e == nil || !e.isMade() {
		return nil
	}
	if _, watches := e.object.(SessionWatcher); watches {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.objects.get(id) == nil || s.ended {
			return nil
		}
		if s.watched[id] == nil {
			s.watched[id] = e
			e.watchers = append(e.watchers, s)
		}
	}
	return e
}

// reserve enters an object that is still to be made, with one reference of the session's. Where one of that name exists
// already, that is returned, with made false.
func (r *registry) reserve(s *Session, h *Host, kind *registeredType, q *createRequest) (e *entry, made bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.ended {
		return nil, false, errSessionEnded
	}
	if e := r.names[q.Name]; e != nil && q.Name != "" {
		if err := e.differs(kind, q); err != nil {
			return nil, false, err
		}
		r.referLocked(s, e)
		return e, false, nil
	}
	r.last++
	e = &entry{id: r.last, kind: kind, name: q.Name, pinned: q.Pinned, host: h, place: &place{}, made: make(chan struct{})}
	e.place.entry.Store(e)
	h.entry = e
	if q.Name != "" {
		e.argument = string(q.Argument)
		r.names[q.Name] = e
	}
	if q.Pinned {
		e.references++
	}
	r.objects.set(e.id, e)
	r.referLocked(s, e)
	return e, true, nil
}

// differs returns an error when an entry is not what is asked for under its name.
func (e *entry) differs(kind *registeredType, q *createRequest) error {
	switch {
	case e.kind != kind:
		return fmt.Errorf("%w: %q is a %s", ErrExists, q.Name, e.kind.Name)
	case e.argument != string(q.Argument):
		return fmt.Errorf("%w: the %s %q was made with other parameters", ErrExists, e.kind.Name, q.Name)
	case e.pinned && !q.Pinned:
		return fmt.Errorf("%w: the %s %q is pinned: ask for it as Pinned too", ErrExists, e.kind.Name, q.Name)
	case q.Pinned && !e.pinned:
		return fmt.Errorf("%w: the %s %q is not pinned", ErrExists, e.kind.Name, q.Name)
	}
	return nil
}

// complete ends what reserve began. An object that could not be made vanishes for all who have waited for it, with what it
// has kept already.
func (r *registry) complete(e *entry, o Object, err error) {
	r.mu.Lock()
	e.object, e.failed = o, err
	close(e.made)
	var gone []*entry
	if err != nil {
		r.removeLocked(e)
		gone = r.emptyLocked(nil, e)
	}
	r.mu.Unlock()
	tellGone(gone)
}

// await blocks until the object is made, or ctx ends.
func (e *entry) await(ctx context.Context) error {
	select {
	case <-e.made:
		return e.failed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (e *entry) isMade() bool {
	select {
	case <-e.made:
		return e.failed == nil
	default:
		return false
	}
}

func (r *registry) referLocked(s *Session, e *entry) {
	e.references++
	s.references.set(e.id, s.references.get(e.id)+1)
}

// refer gives the session one reference for each number, all or none.
func (r *registry) refer(s *Session, ids []uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.ended {
		return errSessionEnded
	}
	for _, id := range ids {
		if r.objects.get(id) == nil {
			return noSuchObject(id)
		}
	}
	for _, id := range ids {
		r.referLocked(s, r.objects.get(id))
	}
	return nil
}

// give is refer for those numbers that exist.
func (r *registry) give(s *Session, ids []uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if e := r.objects.get(id); e != nil && !s.ended {
			r.referLocked(s, e)
		}
	}
}

// release takes references away from a session: the numbers are pairs of an object and a count, of which it takes at
// most as many as there are.
func (r *registry) release(s *Session, numbers []uint64) {
	r.mu.Lock()
	var gone []*entry
	for ; len(numbers) >= 2; numbers = numbers[2:] {
		id, has := numbers[0], s.references.get(numbers[0])
		drop := has
		if numbers[1] < uint64(has) {
			drop = int(numbers[1])
		}
		s.references.put(id, has-drop)
		gone = r.dropLocked(gone, id, drop)
	}
	r.mu.Unlock()
	tellGone(gone)
}

// dropLocked takes n references from an object, and collects those that have none left, with what they contained.
func (r *registry) dropLocked(gone []*entry, id uint64, n int) []*entry {
	e := r.objects.get(id)
	if e == nil || n == 0 {
		return gone
	}
	e.references -= n
	if e.references > 0 {
		return gone
	}
	r.removeLocked(e)
	return r.emptyLocked(append(gone, e), e)
}

// emptyLocked drops what an object has contained.
func (r *registry) emptyLocked(gone []*entry, e *entry) []*entry {
	contained := e.contained
	e.contained = nil
	for inner, count := range contained {
		gone = r.dropLocked(gone, inner, count)
	}
	return gone
}

func (r *registry) removeLocked(e *entry) {
	e.place.entry.Store(nil)
	r.objects.remove(e.id)
	if e.name != "" && r.names[e.name] == e {
		delete(r.names, e.name)
	}
	for _, s := range e.watchers {
		delete(s.watched, e.id)
	}
	e.watchers = nil
}

// clear removes all that is left when there are no sessions any more.
func (r *registry) clear() (gone []*entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.objects.elements {
		e.place.entry.Store(nil)
		gone = append(gone, e)
	}
	r.objects, r.names = table[uint64, *entry]{}, map[string]*entry{}
	return gone
}

// tellGone tells objects whose last reference has gone.
func tellGone(gone []*entry) {
	for _, e := range gone {
		if !e.isMade() {
			continue
		}
		if d, ok := e.object.(Destroyer); ok {
			d.Destroyed()
		}
	}
}

// tokenOf names the object to clients.
func (s *Server) tokenOf(e *entry) wire.Token {
	return wire.Token{Type: e.kind.Name, Address: s.Address(), ID: e.id}
}

func noSuchObject(id uint64) error {
	return fmt.Errorf("%w: number %d: its last proxy was closed, or its manager has been started again", ErrNoSuchObject, id)
}
