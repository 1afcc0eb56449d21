package sync

import (
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/loan"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// A lending is what a lock in the manager knows of a loan of itself: see package loan. While it is lent its state machine
// has it held by the borrower; the word says whether it is. The lock's mutex guards it.
type lending struct {
	*loan.Loan // or nil
	to         state.LockOwner
	fence      uint64 // of the borrower's last grant, as far as the state machine knows
	session    *manager.Session

	watch  *time.Timer   // looks at a lock that others wait for; or nil
	armed  bool          // it will
	pause  time.Duration // the next
	closed bool
}

const (
	firstWatch = time.Millisecond
	lastWatch  = time.Second
)

// lend lends the lock to a session that has got it by one of the waits, if nobody else wants it, and returns that wait.
func (o *lockObject) lend(answered []*state.LockWait) (*state.LockWait, loan.Terms) {
	if o.lock.Reentrant() || o.lent.Loan != nil || o.lent.closed {
		return nil, loan.Terms{}
	}
	for _, w := range answered {
		if !o.lock.Alone(w) {
			continue
		}
		session := w.Call.(call).session
		if o.lent.Loan = loan.New(session.Words(), w.Fence); o.lent.Loan == nil {
			break
		}
		o.lent.to, o.lent.fence, o.lent.session = w.Owner, w.Fence, session
		return w, o.lent.Terms()
	}
	return nil, loan.Terms{}
}

// recall brings the state machine up to date, and has the borrower take the lock no more. A borrower that breaks the rules
// is expelled, and has the lock until its session has ended.
func (o *lockObject) recall() {
	if o.lent.Loan == nil {
		return
	}
	o.settle(o.lent.Recall())
	o.endLoan()
}

// seize is recall where a session has ended: what it still does by its word counts no more.
func (o *lockObject) seize(s *manager.Session) {
	if o.lent.Loan != nil && o.lent.session == s {
		o.settle(o.lent.Seize())
	}
}

func (o *lockObject) settle(fence uint64, has bool, err error) {
	o.lent.fence = fence
	if err != nil {
		o.lent.session.Expel()
		o.lock.Overtake(fence)
		return
	}
	o.lock.Settle(fence, has)
}

// endLoan ends a loan whose borrower has the lock no more, by what the state machine knows.
func (o *lockObject) endLoan() {
	if o.lent.Loan != nil && !o.lock.Holds(o.lent.to, o.lent.fence) {
		o.lent.end()
	}
}

// holder is the state machine's, but looks at the word of a lock that is lent.
func (o *lockObject) holder() (owner state.LockOwner, held bool) {
	owner, held = o.lock.Holder()
	if o.lent.Loan != nil {
		_, held, _ = o.lent.Look() // what is corrupt is held
	}
	return owner, held
}

// watchLoan has somebody look, from time to time, at a lock that was recalled and that others wait for: the borrower that
// has given it back may have been stopped before it could say so.
func (o *lockObject) watchLoan() {
	l := &o.lent
	switch {
	case l.Loan == nil || !o.lock.Awaited():
		l.pause = firstWatch
	case l.armed:
	case l.watch == nil:
		l.armed = true
		l.watch = time.AfterFunc(l.pause, o.look)
	default:
		l.armed = true
		l.watch.Reset(l.pause)
	}
}

func (o *lockObject) look() {
	o.operate(func(*state.Lock) {
		o.lent.armed = false
		o.lent.pause = min(2*o.lent.pause, lastWatch)
	})
}

func (l *lending) end() {
	l.Loan.End()
	l.Loan, l.session, l.to, l.fence = nil, nil, state.LockOwner{}, 0
}

// close ends the loan of a lock that nobody refers to any more.
func (l *lending) close() {
	l.closed = true
	if l.Loan != nil {
		l.end()
	}
	if l.watch != nil {
		l.watch.Stop()
	}
}
