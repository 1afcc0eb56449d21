package sync

import (
	"fmt"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
	"github.com/multiproc-go/multiproc/wire"
)

// semaphoreObject is a Semaphore or BoundedSemaphore in the manager.
type semaphoreObject struct {
	mu        stdsync.Mutex // guards semaphore
	semaphore *state.Semaphore
}

func init() {
	semaphoreTable.register(typeSemaphore, semaphoreMaker(false))
	semaphoreTable.register(typeBoundedSemaphore, semaphoreMaker(true))
}

func semaphoreMaker(bounded bool) maker {
	return func(r *reader, _ keeper) (manager.Object, error) {
		units := r.Int()
		err := r.End()
		if err == nil && units < 0 {
			err = fmt.Errorf("a semaphore of %d units", units)
		}
		return &semaphoreObject{semaphore: state.NewSemaphore(units, bounded)}, err
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

func (o *semaphoreObject) acquire(c call, r *reader) {
	if err := r.End(); err != nil {
		c.Fail(err)
		return
	}
	w := &state.Wait{Session: c.session, Call: c}
	o.operate(func(m *state.Semaphore) { m.Acquire(w) })
	c.OnCancel(func() { o.operate(func(m *state.Semaphore) { m.Cancel(w) }) })
}

func (o *semaphoreObject) tryAcquire(c call, r *reader) {
	err := r.End()
	var acquired bool
	if err == nil {
		o.operate(func(m *state.Semaphore) { acquired = m.TryAcquire(c.session) })
	}
	answer(c, message(nil).bool(acquired), err)
}

func (o *semaphoreObject) release(c call, r *reader) {
	n := r.Int()
	err := r.End()
	if err == nil && n < 1 {
		err = fmt.Errorf("%w: a release of %d units", wire.ErrMalformed, n)
	}
	if err == nil {
		o.operate(func(m *state.Semaphore) { err = m.Release(c.session, n) })
	}
	answer(c, nothing, err)
}

func (o *semaphoreObject) units(c call, r *reader) {
	o.mu.Lock()
	units := o.semaphore.Units()
	o.mu.Unlock()
	answer(c, message(nil).int(units), r.End())
}

// answerWaits answers waits whose answers say nothing but whether.
func answerWaits(answered []*state.Wait) {
	for _, w := range answered {
		answer(w.Call.(call), nothing, w.Err)
	}
}
