package state

// A Condition is where owners of a lock wait for one another's word. It is guarded by the same mutex as its lock, and
// its waits are answered through the lock.
type Condition struct {
	lock    *Lock
	waiting roll[LockOwner, *LockWait]
	clock   uint64 // counts waits and notifications
}

// NewCondition returns a condition of a lock. Detach it when it is no longer needed.
func NewCondition(l *Lock) *Condition {
	c := &Condition{lock: l}
	l.conditions[c] = true
	return c
}

// Detach takes the condition off its lock.
func (c *Condition) Detach() { delete(c.lock.conditions, c) }

// Wait gives up the lock, however often w.Owner has it, and is answered when the owner was notified and has it again
// as often. The error is ErrNotHeld.
func (c *Condition) Wait(w *LockWait, fence uint64) {
	l := c.lock
	if !l.Holds(w.Owner, fence) {
		l.answer(w, ErrNotHeld)
		return
	}
	c.clock++
	w.condition, w.arrival, w.depth = c, c.clock, l.depth
	w.place = c.waiting.add(w.Owner, w)
	l.depth = 0
	l.advance()
}

// Notify has the first n waits go on, as soon as they get the lock, and returns how many there were. The error is
// ErrNotHeld.
func (c *Condition) Notify(owner LockOwner, fence uint64, n int) (int, error) {
	if !c.lock.Holds(owner, fence) {
		return 0, ErrNotHeld
	}
	c.clock++
	notified := 0
	for ; notified < n && c.waiting.length > 0; notified++ {
		c.wake(c.clock)
	}
	return notified, nil
}

// Waiters returns the sessions that wait to be notified, in their order.
func (c *Condition) Waiters() []Session { return sessionsOf(&c.waiting) }

// Waiting returns how many wait to be notified.
func (c *Condition) Waiting() int { return c.waiting.length }

// wake has the first wait go on, notified at that time.
func (c *Condition) wake(at uint64) {
	w, _ := c.waiting.pop()
	w.Notified, w.notified = true, at
	c.lock.enqueue(w)
}

// passOn gives a notification whose receiver has died to the next one who was waiting when it was made. Should it have
// been used after all, that one finds nothing to do, and waits again.
func (c *Condition) passOn(at uint64) {
	if next := c.waiting.first; next != nil && next.value.arrival < at {
		c.wake(at)
	}
}
