package sync

import (
	"context"
	"fmt"
	"math"

	"github.com/multiproc-go/multiproc/manager"
)

const typeCondition = "Condition"

// A Condition is where holders of a lock wait until another one has changed what the lock guards:
//
//	held, err := condition.Acquire(ctx)
//	if err != nil { ... }
//	defer held.Release()
//	if err := condition.WaitFor(ctx, held, ready); err != nil { ... }
//
// Who waits is served in turn. A notification is never lost to a wait that was given up, nor to a process that has died.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on.
type Condition struct{ manager.Proxy }

// A Locker is what a Condition can be made for: a [Lock] or an [RLock].
type Locker interface {
	lockProxy() *manager.Proxy
}

// NewCondition makes a Condition in a manager, or with [Named] finds it. lock is a Lock or RLock of the same manager, and
// lives as long as the condition; with nil it is a Lock of the condition's own. (CPython takes an RLock there.) It blocks
// until the manager has answered or ctx ends.
func NewCondition(ctx context.Context, m *manager.Manager, lock Locker, options ...Option) (*Condition, error) {
	argument := message(nil).uint(0).value(nothing)
	if lock != nil {
		p := lock.lockProxy()
		number, err := askUint(ctx, p, "Number", nil)
		if err != nil {
			return nil, notMade(typeCondition, err)
		}
		if argument, err = p.MarshalMsg(message(nil).uint(number)); err != nil {
			return nil, notMade(typeCondition, err)
		}
	}
	p, err := create(ctx, m, typeCondition, argument, options)
	if err != nil {
		return nil, err
	}
	return &Condition{*p}, nil
}

// Acquire takes the condition's lock, as Lock.Acquire does. The lock of a condition that was made for an RLock is taken
// by RLock.Acquire, for an Owner.
func (c *Condition) Acquire(ctx context.Context) (*Held, error) {
	g, err := acquireLock(ctx, &c.Proxy, "Acquire")
	if err != nil {
		return nil, failed(typeCondition, "Acquire", err)
	}
	return newHeld(&c.Proxy, typeCondition, g), nil
}

// TryAcquire takes the condition's lock if it is free, and otherwise returns nil and no error.
func (c *Condition) TryAcquire(ctx context.Context) (*Held, error) {
	g, err := acquireLock(ctx, &c.Proxy, "TryAcquire")
	if err != nil || g.fence == 0 {
		return nil, failed(typeCondition, "TryAcquire", err)
	}
	return newHeld(&c.Proxy, typeCondition, g), nil
}

// Wait releases the lock, blocks until it is notified or ctx ends, and takes the lock again: an RLock is released and
// taken as often as its owner had it. When it returns, the lock is held, whatever it returns, and Fence and OwnerDied
// tell of the new grant. It is held also after ctx has ended: then Wait may go on to block until the lock is free.
//
// It returns nil if it was notified, though ctx may have ended meanwhile, and otherwise an error that wraps ctx's; or
// ErrNotHeld where held is none of the condition's lock. Only if the session is lost is the lock lost too, and the error
// wraps manager.ErrManagerLost. A nil error does not mean that what was waited for is so: look, or use WaitFor.
func (c *Condition) Wait(ctx context.Context, held *Held) error {
	return failed(typeCondition, "Wait", c.wait(ctx, held))
}

// WaitFor waits until ready returns true, which is called with the lock held, at once and after each notification. Its
// errors are those of Wait, and mean that ready has returned false.
func (c *Condition) WaitFor(ctx context.Context, held *Held, ready func() bool) error {
	for !ready() {
		if err := c.wait(ctx, held); err != nil {
			return failed(typeCondition, "WaitFor", err)
		}
	}
	return nil
}

// Notify has the first n of those who wait go on, one after the other, when the lock is released. It returns how many
// there were. It does not wait for them. The error wraps ErrNotHeld where held is none of the condition's lock.
func (c *Condition) Notify(ctx context.Context, held *Held, n int) (int, error) {
	notified, err := c.notify(ctx, held, n)
	return notified, failed(typeCondition, "Notify", err)
}

// NotifyAll is Notify for all that wait.
func (c *Condition) NotifyAll(ctx context.Context, held *Held) (int, error) {
	notified, err := c.notify(ctx, held, math.MaxInt)
	return notified, failed(typeCondition, "NotifyAll", err)
}

// Waiting returns how many wait to be notified. It may be out of date when it returns.
func (c *Condition) Waiting(ctx context.Context) (int, error) {
	n, err := askInt(ctx, &c.Proxy, "Waiting", nil)
	return n, failed(typeCondition, "Waiting", err)
}

// Clone returns another reference to the same condition. It does not block.
func (c *Condition) Clone() (*Condition, error) {
	p, err := c.Proxy.Clone()
	if err != nil {
		return nil, failed(typeCondition, "Clone", err)
	}
	return &Condition{*p}, nil
}

// MarshalMsg and UnmarshalMsg pass the condition on to other processes, as part of any value.
func (c *Condition) MarshalMsg(dst []byte) ([]byte, error) { return c.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the condition over: see MarshalMsg.
func (c *Condition) UnmarshalMsg(src []byte) ([]byte, error) {
	return adopt(&c.Proxy, typeCondition, src)
}

func (c *Condition) notify(ctx context.Context, held *Held, n int) (int, error) {
	if err := c.refuse(held); err != nil {
		return 0, err
	}
	argument := message(nil).uint(held.ownerNumber()).uint(held.Fence()).uint(held.first.number).int(n)
	return askInt(ctx, &c.Proxy, "Notify", argument)
}

// refuse says what is wrong with a hold, as far as that can be seen here.
func (c *Condition) refuse(held *Held) error {
	if held == nil || held.released.Load() || held.lock().manager != c.Token().Address {
		return ErrNotHeld
	}
	return nil
}

func (c *Condition) wait(ctx context.Context, held *Held) error {
	if err := c.refuse(held); err != nil {
		return err
	}
	old := held.grantNow()
	argument := message(nil).uint(held.ownerNumber()).uint(old.fence).uint(held.first.number)
	g, err := acquire(ctx, &c.Proxy, "Wait", argument)
	if err != nil {
		return err
	}
	if g.fence == 0 { // cancelled; our place in the queue for the lock is kept
		again := message(nil).uint(held.ownerNumber()).uint(g.ticket)
		if g, err = acquire(context.WithoutCancel(ctx), &c.Proxy, "Resume", again); err != nil {
			return fmt.Errorf("take the lock again: %w", err)
		}
	}
	held.regrant(old, g)
	if !g.notified {
		return context.Cause(ctx)
	}
	return nil
}
