package sync_test

import (
	"context"
	"errors"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// waitOn acquires a condition's lock, waits, and returns the hold.
func waitOn(ctx context.Context, c *mpsync.Condition) (*mpsync.Held, error) {
	held, err := c.Acquire(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	return held, c.Wait(ctx, held)
}

func TestConditionWakesInTurn(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	c := must(mpsync.NewCondition(ctx, h.session(), nil))
	var waits []<-chan outcome[*mpsync.Held]
	for i := range 3 {
		waits = append(waits, async(func() (*mpsync.Held, error) { return waitOn(ctx, c) }))
		h.untilWaiting(i + 1)
	}
	held := must(c.Acquire(ctx))
	if n := must(c.Notify(ctx, held, 1)); n != 1 {
		t.Errorf("%d notified", n)
	}
	if n := must(c.Waiting(ctx)); n != 2 {
		t.Errorf("%d go on waiting", n)
	}
	before := held.Fence()
	check(t, held.Release())
	first, err := wait(t, waits[0])
	check(t, err)
	if first.Fence() <= before {
		t.Errorf("fence %d after %d", first.Fence(), before)
	}
	if n := must(c.NotifyAll(ctx, first)); n != 2 {
		t.Errorf("%d notified", n)
	}
	check(t, first.Release())
	for _, w := range waits[1:] {
		next, err := wait(t, w)
		check(t, err)
		check(t, next.Release())
	}
}

func TestConditionWaitThatIsCancelledHasTheLock(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := must(mpsync.NewCondition(ctx, h.session(), nil))
	given := async(func() (*mpsync.Held, error) { return waitOn(ctx, c) })
	h.untilWaiting(1)
	held := must(c.Acquire(t.Context()))
	cancel()
	h.until("it waits for the lock", func(*manager.Info) bool { return must(c.Waiting(t.Context())) == 0 })
	check(t, held.Release())
	mine, err := wait(t, given)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if busy := must(c.TryAcquire(t.Context())); busy != nil {
		t.Error("the lock is free after a wait that was cancelled")
	}
	check(t, mine.Release())
}

func TestConditionNotificationBeforeTheCancelCounts(t *testing.T) {
	h := newHost(t)
	m := h.session()
	c := must(mpsync.NewCondition(t.Context(), m, nil))
	never := must(mpsync.NewEvent(t.Context(), m))
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		given := async(func() (*mpsync.Held, error) { return waitOn(ctx, c) })
		h.untilWaiting(1)
		held := must(c.Acquire(t.Context()))
		if n := must(c.Notify(t.Context(), held, 1)); n != 1 {
			t.Errorf("%d notified", n)
		}
		other := async(func() (any, error) { return nil, never.Wait(ctx) })
		h.untilWaiting(2)
		cancel()
		if _, err := wait(t, other); !errors.Is(err, context.Canceled) { // so has the condition's wait been, or soon
			t.Error(err)
		}
		h.untilWaiting(1) // its place in the queue for the lock is kept
		check(t, held.Release())
		mine, err := wait(t, given)
		check(t, err)
		check(t, mine.Release())
	}
}

func TestConditionNeedsItsLock(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	lock, other := must(mpsync.NewLock(ctx, m)), must(mpsync.NewLock(ctx, m))
	c := must(mpsync.NewCondition(ctx, m, lock))
	held, wrong := must(lock.Acquire(ctx)), must(other.Acquire(ctx))
	for name, call := range map[string]func(*mpsync.Held) error{
		"Wait":      func(h *mpsync.Held) error { return c.Wait(ctx, h) },
		"Notify":    func(h *mpsync.Held) error { _, err := c.Notify(ctx, h, 1); return err },
		"NotifyAll": func(h *mpsync.Held) error { _, err := c.NotifyAll(ctx, h); return err },
	} {
		if err := call(wrong); !errors.Is(err, mpsync.ErrNotHeld) {
			t.Errorf("%s with another lock: %v", name, err)
		}
		if err := call(nil); !errors.Is(err, mpsync.ErrNotHeld) {
			t.Errorf("%s with no lock: %v", name, err)
		}
	}
	if n := must(c.Notify(ctx, held, 1)); n != 0 {
		t.Errorf("%d notified of none", n)
	}
	check(t, held.Release())
	check(t, wrong.Release())
	if err := c.Wait(ctx, held); !errors.Is(err, mpsync.ErrNotHeld) {
		t.Errorf("Wait after the release: %v", err)
	}
}

func TestConditionOverAnRLockGivesItUpWhole(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	lock := must(mpsync.NewRLock(ctx, m))
	c := must(mpsync.NewCondition(ctx, m, lock))
	me, you := mpsync.NewOwner(), mpsync.NewOwner()
	outer, inner := must(lock.Acquire(ctx, me)), must(lock.Acquire(ctx, me))
	waiting := async(func() (any, error) { return nil, c.Wait(ctx, inner) })
	h.untilWaiting(1)
	held := must(lock.Acquire(ctx, you))
	must(c.NotifyAll(ctx, held))
	check(t, held.Release())
	_, err := wait(t, waiting)
	check(t, err)
	if outer.Fence() != inner.Fence() || inner.Fence() <= held.Fence() {
		t.Errorf("fences %d and %d after %d", outer.Fence(), inner.Fence(), held.Fence())
	}
	check(t, inner.Release())
	if must(lock.TryAcquire(ctx, you)) != nil {
		t.Error("the outer hold was lost")
	}
	check(t, outer.Release())
}

func TestConditionPassesOnWhatTheDeadWereTold(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	doomed := h.session()
	name := mpsync.Named("told")
	mine := must(mpsync.NewCondition(ctx, doomed, nil, name))
	ours := must(mpsync.NewCondition(ctx, h.session(), nil, name))
	dying := async(func() (*mpsync.Held, error) { return waitOn(ctx, mine) })
	h.untilWaiting(1)
	living := async(func() (*mpsync.Held, error) { return waitOn(ctx, ours) })
	h.untilWaiting(2)
	held := must(ours.Acquire(ctx))
	must(ours.Notify(ctx, held, 1))
	check(t, doomed.Close())
	if _, err := wait(t, dying); err == nil {
		t.Error("a wait of a session that has ended succeeded")
	}
	h.untilWaiting(1)
	check(t, held.Release())
	got, err := wait(t, living)
	check(t, err)
	check(t, got.Release())
}

func TestConditionWaitFor(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	c := must(mpsync.NewCondition(ctx, m, nil))
	count := must(mpsync.NewValue(ctx, m, 0))
	enough := func() bool { return must(count.Get(ctx)) >= 2 }
	waiting := async(func() (*mpsync.Held, error) {
		held, err := c.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		return held, c.WaitFor(ctx, held, enough)
	})
	h.untilWaiting(1)
	for range 2 {
		held := must(c.Acquire(ctx))
		must(count.Add(ctx, 1))
		must(c.NotifyAll(ctx, held))
		check(t, held.Release())
	}
	held, err := wait(t, waiting)
	check(t, err)
	check(t, held.Release())
}

// waitInVain waits for a condition that nobody notifies, until its context ends.
func waitInVain(t *testing.T, c *mpsync.Condition, held *mpsync.Held) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	waiting := async(func() (any, error) { return nil, c.Wait(ctx, held) })
	limit, end := context.WithTimeout(t.Context(), patience)
	defer end()
	for n := 0; n == 0; {
		var err error
		n, err = c.Waiting(limit)
		check(t, err)
	}
	cancel()
	if _, err := wait(t, waiting); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that nobody ends: %v", err)
	}
}

// Each wait gives up all that the owner has, and takes all of it back, whichever strand of its work has got it.
func TestConditionOfAnOwnerThatIsShared(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	lock := must(mpsync.NewRLock(ctx, m))
	c := must(mpsync.NewCondition(ctx, m, lock))
	us, you := mpsync.NewOwner(), mpsync.NewOwner()
	mine := must(lock.Acquire(ctx, us))
	waiting := async(func() (any, error) { return nil, c.Wait(ctx, mine) })
	h.untilWaiting(1)
	yours := must(lock.Acquire(ctx, us)) // of another strand, which has the same owner
	must(c.NotifyAll(ctx, yours))
	_, err := wait(t, waiting) // it enters again beside the other strand
	check(t, err)
	check(t, yours.Release())
	again := must(lock.Acquire(ctx, us))
	waitInVain(t, c, mine)
	waitInVain(t, c, again)
	if mine.Fence() != again.Fence() {
		t.Errorf("fences %d and %d of one hold", mine.Fence(), again.Fence())
	}
	check(t, again.Release())
	if err := c.Wait(ctx, again); !errors.Is(err, mpsync.ErrNotHeld) {
		t.Errorf("waited with what was released: %v", err)
	}
	check(t, mine.Release())
	held := must(lock.TryAcquire(ctx, you))
	if held == nil {
		t.Fatal("it is not free after as many releases")
	}
	check(t, held.Release())
}

// Managers count their locks each for itself.
func TestOwnerOfLocksInTwoManagers(t *testing.T) {
	ctx := t.Context()
	one, other := startManager(t), startManager(t)
	lock, otherLock := must(mpsync.NewRLock(ctx, one)), must(mpsync.NewRLock(ctx, other))
	c := must(mpsync.NewCondition(ctx, one, lock))
	me := mpsync.NewOwner()
	held, otherHeld := must(lock.Acquire(ctx, me)), must(otherLock.Acquire(ctx, me))
	before := otherHeld.Fence()
	waitInVain(t, c, held)
	if otherHeld.Fence() != before {
		t.Error("the hold of the other lock has changed")
	}
	if err := c.Wait(ctx, otherHeld); !errors.Is(err, mpsync.ErrNotHeld) {
		t.Errorf("waited with the other manager's lock: %v", err)
	}
	check(t, otherHeld.Release())
	check(t, held.Release())
}
