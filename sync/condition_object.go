package sync

import (
	"errors"
	"fmt"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

var errNoLock = errors.New("the lock is not one of this manager's")

// conditionObject is a Condition in the manager. It shares the mutex of its lock.
type conditionObject struct {
	lock      *lockObject
	own       bool // the lock is nobody else's
	condition *state.Condition
}

func init() {
	conditionTable.register(typeCondition, newConditionObject)
}

// newConditionObject makes a condition of the lock with the number in the argument, whose token follows, or of a lock of
// its own for the number 0.
func newConditionObject(r *reader, h keeper) (manager.Object, error) {
	number, token := r.Uint(), r.Value()
	if err := r.End(); err != nil {
		return nil, err
	}
	lock := newLockObject(false)
	if number != 0 {
		found, ok := locks.Load(number)
		if !ok {
			return nil, errNoLock
		}
		if err := h.Keep(token); err != nil {
			return nil, err
		}
		lock = found.(*lockObject)
	}
	lock.mu.Lock()
	defer lock.mu.Unlock()
	return &conditionObject{lock: lock, own: number == 0, condition: state.NewCondition(lock.lock)}, nil
}

var conditionTable = func() methods[*conditionObject] {
	m := lockMethods(func(o *conditionObject) *lockObject { return o.lock })
	m["Wait"] = (*conditionObject).wait
	m["Notify"] = (*conditionObject).notify
	m["Waiting"] = (*conditionObject).waiting
	return m
}()

// Call implements manager.Object.
func (o *conditionObject) Call(c *manager.Request) { conditionTable.call(o, c) }

// SessionEnded implements manager.SessionWatcher.
func (o *conditionObject) SessionEnded(s *manager.Session) { o.lock.SessionEnded(s) }

// Destroyed is called when nobody refers to the condition any more.
func (o *conditionObject) Destroyed() {
	o.lock.operate(func(*state.Lock) { o.condition.Detach() })
	if o.own {
		o.lock.Destroyed()
	}
}

// Inspect implements manager.Inspector.
func (o *conditionObject) Inspect() manager.Inspection {
	i := o.lock.Inspect()
	o.lock.mu.Lock()
	defer o.lock.mu.Unlock()
	waiters := sessionsOf(o.condition.Waiters())
	i.Summary = fmt.Sprintf("lock %s, %d waiting", i.Summary, len(waiters))
	i.Waiters = append(i.Waiters, waiters...)
	return i
}

func (o *conditionObject) wait(c call, r *reader) {
	w, fence, number := newLockWait(c, r), r.Uint(), r.Uint()
	if err := o.refuse(number, r); err != nil {
		c.Fail(err)
		return
	}
	o.lock.wait(w, func(*state.Lock) { o.condition.Wait(w, fence) })
}

func (o *conditionObject) notify(c call, r *reader) {
	owner, fence, number, n := newLockOwner(c, r), r.Uint(), r.Uint(), r.Int()
	if err := o.refuse(number, r); err != nil {
		c.Fail(err)
		return
	}
	var notified int
	var err error
	o.lock.operate(func(*state.Lock) { notified, err = o.condition.Notify(owner, fence, n) })
	answer(c, message(nil).int(notified), err)
}

func (o *conditionObject) waiting(c call, r *reader) {
	o.lock.mu.Lock()
	n := o.condition.Waiting()
	o.lock.mu.Unlock()
	answer(c, message(nil).int(n), r.End())
}

// refuse says what is wrong with a call for which the lock of that number must be held.
func (o *conditionObject) refuse(number uint64, r *reader) error {
	if err := r.End(); err != nil {
		return err
	}
	if number != o.lock.number {
		return fmt.Errorf("%w: what is held is another lock than the condition's", ErrNotHeld)
	}
	return nil
}
