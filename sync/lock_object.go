package sync

import (
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/loan"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// lockObject is a Lock or RLock in the manager.
type lockObject struct {
	number uint64 // of this lock among all that this process has had

	mu   stdsync.Mutex // guards lock and its conditions, and lent
	lock *state.Lock
	lent lending
}

// locks finds the locks of this process by their numbers: conditions are made for them.
var locks = struct {
	last atomic.Uint64
	stdsync.Map
}{}

// newLockObject makes a lock whose fences are larger than those of all locks before, in whatever manager of this host: one
// that is made again under its name has to go on where it ended.
func newLockObject(reentrant bool) *lockObject {
	fence := uint64(time.Now().UnixNano())
	return &lockObject{number: locks.last.Add(1), lock: state.NewLock(reentrant, fence)}
}

func init() {
	lockTable.register(typeLock, lockMaker(false))
	lockTable.register(typeRLock, lockMaker(true))
}

// lockMaker makes locks that conditions can find.
func lockMaker(reentrant bool) maker {
	return func(r *reader, _ keeper) (manager.Object, error) {
		if err := r.End(); err != nil {
			return nil, err
		}
		o := newLockObject(reentrant)
		locks.Store(o.number, o)
		return o, nil
	}
}

// lockMethods are those of a lock, and of what stands in for one.
func lockMethods[O any](lock func(O) *lockObject) methods[O] {
	return methods[O]{
		"Acquire":    func(o O, c call, r *reader) { lock(o).acquire(c, r) },
		"TryAcquire": func(o O, c call, r *reader) { lock(o).tryAcquire(c, r) },
		"Resume":     func(o O, c call, r *reader) { lock(o).resume(c, r) },
		"Returned":   func(o O, c call, r *reader) { lock(o).returned(c, r) },
		"Release":    func(o O, c call, r *reader) { lock(o).release(c, r) },
		"Locked":     func(o O, c call, r *reader) { lock(o).locked(c, r) },
		"Number":     func(o O, c call, r *reader) { answer(c, message(nil).uint(lock(o).number), r.End()) },
	}
}

var lockTable = lockMethods(func(o *lockObject) *lockObject { return o })

// Call implements manager.Object.
func (o *lockObject) Call(c *manager.Request) { lockTable.call(o, c) }

// SessionEnded implements manager.SessionWatcher.
func (o *lockObject) SessionEnded(s *manager.Session) {
	o.operate(func(l *state.Lock) {
		o.seize(s)
		l.EndSession(s)
	})
}

// Destroyed is called when nobody refers to the lock any more.
func (o *lockObject) Destroyed() {
	locks.Delete(o.number)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lent.close()
}

// Inspect implements manager.Inspector.
func (o *lockObject) Inspect() manager.Inspection {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := manager.Inspection{Summary: "free", Waiters: sessionsOf(o.lock.Waiters())}
	if holder, held := o.holder(); held {
		i.Summary, i.Holders = "held", sessionsOf([]state.Session{holder.Session})
	}
	return i
}

// operate does something to the lock, and answers whom that concerns.
func (o *lockObject) operate(do func(l *state.Lock)) {
	o.mu.Lock()
	o.recall()
	do(o.lock)
	o.endLoan()
	answered := o.lock.Answered()
	borrower, terms := o.lend(answered)
	o.watchLoan()
	o.mu.Unlock()
	for _, w := range answered {
		if w == borrower {
			o.answer(w, terms)
		} else {
			o.answer(w, loan.Terms{})
		}
	}
}

func (o *lockObject) answer(w *state.LockWait, terms loan.Terms) {
	c := w.Call.(call)
	if w.Err != nil {
		c.Fail(w.Err)
		return
	}
	c.Return(o.grantMessage(w, terms))
}

// grantMessage is the answer to an acquisition: see readGrant.
func (o *lockObject) grantMessage(w *state.LockWait, terms loan.Terms) message {
	return message(nil).uint(w.Fence).bool(w.OwnerDied).bool(w.Notified).uint(w.Ticket).uint(o.number).
		uint(terms.Number).uint(terms.Index)
}

// wait begins a wait for the lock, and ends it with its call.
func (o *lockObject) wait(w *state.LockWait, begin func(l *state.Lock)) {
	o.operate(begin)
	w.Call.(call).OnCancel(func() { o.operate(func(l *state.Lock) { l.Cancel(w) }) })
}

func (o *lockObject) acquire(c call, r *reader) {
	w := newLockWait(c, r)
	if err := o.refuse(w, r); err != nil {
		c.Fail(err)
		return
	}
	o.wait(w, func(l *state.Lock) { l.Acquire(w) })
}

func (o *lockObject) tryAcquire(c call, r *reader) {
	w := newLockWait(c, r)
	if err := o.refuse(w, r); err != nil {
		c.Fail(err)
		return
	}
	o.operate(func(l *state.Lock) {
		if !l.TryAcquire(w) {
			c.Return(o.grantMessage(&state.LockWait{}, loan.Terms{}))
		}
	})
}

func (o *lockObject) resume(c call, r *reader) {
	w, ticket := newLockWait(c, r), r.Uint()
	if err := r.End(); err != nil {
		c.Fail(err)
		return
	}
	o.wait(w, func(l *state.Lock) { l.Resume(w, ticket) })
}

func (o *lockObject) release(c call, r *reader) {
	owner, fence := newLockOwner(c, r), r.Uint()
	err := r.End()
	if err == nil {
		o.operate(func(l *state.Lock) { err = l.Release(owner, fence) })
	}
	answer(c, nothing, err)
}

// returned takes note of a lock that was lent, and given back by its word.
func (o *lockObject) returned(c call, r *reader) {
	o.operate(func(*state.Lock) {})
	answer(c, nothing, r.End())
}

func (o *lockObject) locked(c call, r *reader) {
	o.mu.Lock()
	_, held := o.holder()
	o.mu.Unlock()
	answer(c, message(nil).bool(held), r.End())
}

// refuse says what is wrong with an acquisition.
func (o *lockObject) refuse(w *state.LockWait, r *reader) error {
	if err := r.End(); err != nil {
		return err
	}
	if (w.Owner.Number != 0) != o.lock.Reentrant() {
		return errWrongOwner
	}
	return nil
}

func newLockOwner(c call, r *reader) state.LockOwner {
	return state.LockOwner{Session: c.session, Number: r.Uint()}
}

func newLockWait(c call, r *reader) *state.LockWait {
	return &state.LockWait{Owner: newLockOwner(c, r), Call: c}
}
