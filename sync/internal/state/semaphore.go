package state

import "math"

// A Semaphore is a number of units that sessions acquire and release. Each unit acquired is a hold, until a release
// discharges it: the oldest one of the session that releases, or where it has none, the oldest of all.
type Semaphore struct {
	waitQueue // nobody waits while units are free

	initial int
	bounded bool
	value   int                     // free units
	holds   roll[Session, struct{}] // not discharged, oldest first
}

// NewSemaphore returns a semaphore with so many units, at least 0. A bounded one never has more.
func NewSemaphore(units int, bounded bool) *Semaphore {
	return &Semaphore{initial: units, bounded: bounded, value: units}
}

// Acquire takes a unit when its turn has come.
func (m *Semaphore) Acquire(w *Wait) {
	if m.TryAcquire(w.Session) {
		m.answer(w, nil)
		return
	}
	w.enqueue(&m.waiting)
}

// TryAcquire takes a unit if one is free, and reports whether it did.
func (m *Semaphore) TryAcquire(s Session) bool {
	if m.value == 0 {
		return false
	}
	m.value--
	m.holds.add(s, struct{}{})
	return true
}

// Release returns n units, at least 0. The error is ErrOverReleased, and then it has returned none.
func (m *Semaphore) Release(s Session, n int) error {
	if m.bounded && n > m.initial-m.value || n > math.MaxInt-m.value {
		return ErrOverReleased
	}
	for range min(n, m.holds.length) {
		m.discharge(s)
	}
	m.value += n
	m.advance()
	return nil
}

// EndSession returns the units that the session has and nobody has discharged, and forgets what it waits for.
func (m *Semaphore) EndSession(s Session) {
	m.forget(s)
	m.value += len(m.holds.removeOf(s))
	m.advance()
}

// Units returns how many units are free.
func (m *Semaphore) Units() int { return m.value }

// Holders returns the session of each hold, the oldest first.
func (m *Semaphore) Holders() []Session { return m.holds.inOrder() }

// discharge takes out the hold that a release by the session ends. There must be one.
func (m *Semaphore) discharge(s Session) {
	hold := m.holds.oldestOf(s)
	if hold == nil {
		hold = m.holds.first
	}
	hold.removeFrom(&m.holds)
}

func (m *Semaphore) advance() {
	for m.value > 0 {
		w, ok := m.waiting.pop()
		if !ok {
			return
		}
		m.TryAcquire(w.Session)
		m.answer(w, nil)
	}
}
