package sync

import (
	"errors"
	"fmt"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// semaphoreObject is a Semaphore or BoundedSemaphore in the manager.
type semaphoreObject struct {
	mu        stdsync.Mutex // guards semaphore
	semaphore *state.Semaphore
}

func init() {
	for name, bounded := range map[string]bool{typeSemaphore: false, typeBoundedSemaphore: true} {
		semaphoreTable.register(name, func(r *reader, _ *manager.Host) (manager.Object, error) {
			units := r.int()
			if units < 0 {
				return nil, fmt.Errorf("a semaphore of %d units", units)
			}
			return &semaphoreObject{semaphore: state.NewSemaphore(units, bounded)}, r.err()
		}, "Acquire")
	}
}

var semaphoreTable = methods[*semaphoreObject]{
	"Acquire":    (*semaphoreObject).acquire,
	"TryAcquire": (*semaphoreObject).tryAcquire,
	"Release":    (*semaphoreObject).release,
	"Value":      (*semaphoreObject).units,
}

// Call implements manager.Object.
func (o *semaphoreObject) Call(c *manager.Request) { semaphoreTable.call(o, c) }

// SessionEnded implements manager.SessionWatcher.
func (o *semaphoreObject) SessionEnded(s *manager.Session) {
	o.operate(func(m *state.Semaphore) { m.EndSession(s) })
}

// Inspect implements manager.Inspector.
func (o *semaphoreObject) Inspect() manager.Inspection {
	o.mu.Lock()
	defer o.mu.Unlock()
	return manager.Inspection{
		Summary: fmt.Sprintf("%d free", o.semaphore.Units()),
		Holders: sessionsOf(o.semaphore.Holders()),
		Waiters: sessionsOf(o.semaphore.Waiters()),
	}
}

// operate does something to the semaphore, and answers whom that concerns.
func (o *semaphoreObject) operate(do func(m *state.Semaphore)) {
	o.mu.Lock()
	do(o.semaphore)
	answered := o.semaphore.Answered()
	o.mu.Unlock()
	answerWaits(answered)
}

func (o *semaphoreObject) acquire(c *manager.Request, r *reader) {
	if err := r.err(); err != nil {
		c.Fail(err)
		return
	}
	w := &state.Wait{Session: c.Session, Call: c}
	o.operate(func(m *state.Semaphore) { m.Acquire(w) })
	c.OnCancel(func() { o.operate(func(m *state.Semaphore) { m.Cancel(w) }) })
}

func (o *semaphoreObject) tryAcquire(c *manager.Request, r *reader) {
	err := r.err()
	var acquired bool
	if err == nil {
		o.operate(func(m *state.Semaphore) { acquired = m.TryAcquire(c.Session) })
	}
	answer(c, message(nil).bool(acquired), err)
}

func (o *semaphoreObject) release(c *manager.Request, r *reader) {
	n := r.int()
	err := r.err()
	if err == nil && n < 1 {
		err = malformed(errors.New("a release of no units"))
	}
	if err == nil {
		o.operate(func(m *state.Semaphore) { err = m.Release(c.Session, n) })
	}
	answer(c, nothing, err)
}

func (o *semaphoreObject) units(c *manager.Request, r *reader) {
	o.mu.Lock()
	units := o.semaphore.Units()
	o.mu.Unlock()
	answer(c, message(nil).int(units), r.err())
}

// answerWaits answers waits whose answers say nothing but whether.
func answerWaits(answered []*state.Wait) {
	for _, w := range answered {
		answer(w.Call.(*manager.Request), nothing, w.Err)
	}
}
