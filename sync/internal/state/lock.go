package state

// A Lock is held by one owner at a time. A reentrant one may be taken again by its owner, and is free when it was
// released as often. An owner is a session together with a number that means something to that session alone.
type Lock struct {
	reentrant bool

	fence  uint64 // of the last grant
	holder LockOwner
	depth  int  // how often the holder has it; 0 is free
	died   bool // the last holder died while holding, and nobody has had the lock since

	inherited bool     // what died was at the last grant
	received  []notice // notifications that came with the lock since the last grant

	waiting    roll[LockOwner, *LockWait] // empty when the lock is free
	parked     map[uint64]*LockWait
	tickets    uint64
	conditions map[*Condition]bool
	answered   []*LockWait
}

// A LockOwner says whose a hold is.
type LockOwner struct {
	Session Session
	Number  uint64 // always 0 for a lock that is not reentrant
}

// A LockWait is a call that ends with the lock in its owner's hands.
type LockWait struct {
	Owner LockOwner
	Call  any // the caller's own; never looked at here

	// The answer. With no error, the owner has the lock if Fence is not 0; else its place in the queue is kept under
	// Ticket, for Resume.
	Err       error
	Fence     uint64 // a number that is larger for each later grant
	OwnerDied bool   // whoever had it before this grant died while holding it
	Notified  bool   // of a condition's wait: it was not cancelled first
	Ticket    uint64

	depth     int // how often it will hold the lock: 1, or what it gave up to wait for a condition
	place     *entry[LockOwner, *LockWait]
	condition *Condition // of a condition's wait, which ends with the lock held even if it is cancelled
	arrival   uint64     // when it began to wait there
	notified  uint64     // when it was notified, or 0
	parked    bool       // nobody is to be answered yet
}

// A notice is that a wait for a condition was notified, at that time.
type notice struct {
	condition *Condition
	at        uint64
}

// NewLock returns a lock that is free. The numbers of its grants begin after fence.
func NewLock(reentrant bool, fence uint64) *Lock {
	return &Lock{reentrant: reentrant, fence: fence, parked: map[uint64]*LockWait{}, conditions: map[*Condition]bool{}}
}

// Reentrant reports whether the lock may be taken again by its owner.
func (l *Lock) Reentrant() bool { return l.reentrant }

// Acquire takes the lock for w.Owner, when its turn has come.
func (l *Lock) Acquire(w *LockWait) {
	w.depth = 1
	l.enqueue(w)
}

// TryAcquire takes the lock for w.Owner and answers w, if that takes no wait. It reports whether it did.
func (l *Lock) TryAcquire(w *LockWait) bool {
	if l.depth > 0 && !l.reenters(w) {
		return false
	}
	l.Acquire(w)
	return true
}

// Release undoes one acquisition. The error is ErrNotHeld.
func (l *Lock) Release(owner LockOwner, fence uint64) error {
	if !l.Holds(owner, fence) {
		return ErrNotHeld
	}
	l.depth--
	l.advance()
	return nil
}

// Settle takes note of what the holder of a lock that is not reentrant did with it by itself: of the grants that it gave
// itself the last has that fence, and if it has the lock no more, whoever is next gets it.
func (l *Lock) Settle(fence uint64, held bool) {
	if fence != l.fence {
		l.fence, l.inherited, l.received = fence, false, nil
	}
	if !held {
		l.depth = 0
		l.advance()
	}
}

// Overtake is Settle where nobody knows what the holder did, and the last grant that it can have given itself has that fence.
func (l *Lock) Overtake(fence uint64) { l.fence = fence }

// Alone reports whether w's owner has the lock by w, and nobody waits for it.
func (l *Lock) Alone(w *LockWait) bool {
	return w.Err == nil && l.Holds(w.Owner, w.Fence) && l.waiting.length == 0
}

// Awaited reports whether somebody waits for the lock.
func (l *Lock) Awaited() bool { return l.waiting.length != 0 }

// Holds reports whether the owner has the lock by the grant of that number.
func (l *Lock) Holds(owner LockOwner, fence uint64) bool {
	return l.depth > 0 && l.holder == owner && l.fence == fence
}

// Resume takes up a wait that was answered with a ticket: w takes its place. The error is ErrNotHeld, for a ticket that
// is not the owner's.
func (l *Lock) Resume(w *LockWait, ticket uint64) {
	p := l.parked[ticket]
	if p == nil || p.Owner != w.Owner {
		l.answer(w, ErrNotHeld)
		return
	}
	delete(l.parked, ticket)
	w.Fence, w.OwnerDied, w.Notified = p.Fence, p.OwnerDied, p.Notified
	w.depth, w.condition, w.arrival, w.notified = p.depth, p.condition, p.arrival, p.notified
	if p.Fence != 0 {
		l.answer(w, nil)
		return
	}
	w.place, p.place = p.place, nil
	w.place.value = w
}

// Cancel ends a wait that was not answered. An acquisition is answered with context.Canceled. A condition's wait still
// has to end with the lock held: it is answered with the lock or a ticket for it.
func (l *Lock) Cancel(w *LockWait) {
	switch {
	case w.place == nil || w.place.roll == nil:
	case w.condition == nil:
		w.place.removeFrom(&l.waiting)
		l.answer(w, errCanceled)
	case w.place.removeFrom(&w.condition.waiting):
		if l.depth == 0 || l.reenters(w) {
			l.enqueue(w)
			return
		}
		l.park(w, l.waiting.add(w.Owner, w))
	default: // it was notified, and waits for the lock
		l.park(w, w.place)
	}
}

// EndSession releases what the session holds, and forgets what it waits for. A notification that it had goes to another,
// unless it has released the lock since: nobody knows whether it did what it was notified for.
func (l *Lock) EndSession(s Session) {
	gone := func(w *LockWait) bool { return w.Owner.Session == s }
	for c := range l.conditions {
		c.waiting.removeIf(gone)
	}
	for ticket, p := range l.parked {
		if gone(p) {
			delete(l.parked, ticket)
		}
	}
	for _, w := range l.waiting.removeIf(gone) {
		if w.notified != 0 {
			w.condition.passOn(w.notified)
		}
	}
	if l.depth > 0 && l.holder.Session == s {
		for _, n := range l.received {
			n.condition.passOn(n.at)
		}
		l.depth, l.died = 0, true
		l.advance()
	}
}

// Answered returns the waits that were answered since the last time, in the order of their answers.
func (l *Lock) Answered() []*LockWait { return take(&l.answered) }

// Holder returns the owner, if there is one.
func (l *Lock) Holder() (owner LockOwner, held bool) { return l.holder, l.depth > 0 }

// Waiters returns the sessions that wait for the lock, in their order.
func (l *Lock) Waiters() []Session { return sessionsOf(&l.waiting) }

// enqueue grants the lock to w or has it wait at the end.
func (l *Lock) enqueue(w *LockWait) {
	if l.depth == 0 || l.reenters(w) {
		l.grant(w)
		return
	}
	w.place = l.waiting.add(w.Owner, w)
}

// reenters reports whether w's owner has the lock and may have it again.
func (l *Lock) reenters(w *LockWait) bool {
	return l.reentrant && l.depth > 0 && l.holder == w.Owner
}

// advance gives a free lock to whoever is next, and to what else waits for the same owner of a reentrant one.
func (l *Lock) advance() {
	if l.depth > 0 {
		return
	}
	next, ok := l.waiting.pop()
	if !ok {
		return
	}
	l.grant(next)
	if l.reentrant {
		for _, w := range l.waiting.removeOf(l.holder) {
			l.grant(w)
		}
	}
}

func (l *Lock) grant(w *LockWait) {
	if l.depth == 0 {
		l.fence++
		l.holder, l.inherited, l.received = w.Owner, l.died, nil
		l.died = false
	}
	w.Fence, w.OwnerDied = l.fence, l.inherited
	l.depth += w.depth
	if w.notified != 0 {
		l.received = append(l.received, notice{w.condition, w.notified})
	}
	if !w.parked {
		l.answer(w, nil)
	}
}

func (l *Lock) answer(w *LockWait, err error) {
	w.Err = err
	l.answered = append(l.answered, w)
}

// park answers w with a ticket, and has a stand-in keep its place.
func (l *Lock) park(w *LockWait, place *entry[LockOwner, *LockWait]) {
	l.tickets++
	standIn := *w
	standIn.Call, standIn.parked, standIn.place = nil, true, place
	place.value = &standIn
	l.parked[l.tickets] = &standIn
	w.place, w.Ticket = nil, l.tickets
	l.answer(w, nil)
}

// sessionsOf returns the session of each wait, in their order.
func sessionsOf(waits *roll[LockOwner, *LockWait]) []Session {
	sessions := make([]Session, 0, waits.length)
	for e := waits.first; e != nil; e = e.links[ofAll].next {
		sessions = append(sessions, e.owner.Session)
	}
	return sessions
}
