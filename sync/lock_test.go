package sync_test

import (
	"context"
	"errors"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

func TestLockBelongsToOneHolder(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	lock := must(mpsync.NewLock(ctx, h.session(), mpsync.Named("one")))
	other := must(mpsync.NewLock(ctx, h.session(), mpsync.Named("one")))
	held := must(lock.Acquire(ctx))
	if busy := must(other.TryAcquire(ctx)); busy != nil {
		t.Error("two have the lock")
	}
	if !must(other.Locked(ctx)) {
		t.Error("a held lock is not locked")
	}
	first := held.Fence()
	check(t, held.Release())
	if err := held.Release(); !errors.Is(err, mpsync.ErrNotHeld) {
		t.Errorf("a second release: %v", err)
	}
	again := must(other.TryAcquire(ctx))
	if again == nil || again.Fence() <= first || again.OwnerDied() {
		t.Errorf("after fence %d: %+v", first, again)
	}
	check(t, again.Release())
	if must(other.Locked(ctx)) {
		t.Error("a free lock is locked")
	}
}

func TestLockServesInTurn(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	lock := must(mpsync.NewLock(ctx, m))
	held := must(lock.Acquire(ctx))
	order := make(chan int, 5)
	var done []<-chan outcome[any]
	for i := range 5 {
		done = append(done, async(func() (any, error) {
			mine, err := lock.Acquire(ctx)
			if err != nil {
				return nil, err
			}
			order <- i
			return nil, mine.Release()
		}))
		h.untilWaiting(i + 1)
	}
	check(t, held.Release())
	for i, d := range done {
		_, err := wait(t, d)
		check(t, err)
		if got := <-order; got != i {
			t.Errorf("number %d came in the place of %d", got, i)
		}
	}
}

func TestLockWaitThatIsCancelledLeavesNoGap(t *testing.T) {
	h := newHost(t)
	lock := must(mpsync.NewLock(t.Context(), h.session()))
	held := must(lock.Acquire(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	given := async(func() (*mpsync.Held, error) { return lock.Acquire(ctx) })
	h.untilWaiting(1)
	next := async(func() (*mpsync.Held, error) { return lock.Acquire(t.Context()) })
	h.untilWaiting(2)
	cancel()
	if _, err := wait(t, given); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	check(t, held.Release())
	got, err := wait(t, next)
	check(t, err)
	check(t, got.Release())
}

func TestLockOfAHolderThatDied(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	doomed := h.session()
	lock := must(mpsync.NewLock(ctx, doomed, mpsync.Named("inherited")))
	other := must(mpsync.NewLock(ctx, h.session(), mpsync.Named("inherited")))
	held := must(lock.Acquire(ctx))
	next := async(func() (*mpsync.Held, error) { return other.Acquire(ctx) })
	h.untilWaiting(1)
	check(t, doomed.Close())
	<-held.Lost()
	if err := held.Release(); !errors.Is(err, manager.ErrManagerLost) && !errors.Is(err, manager.ErrClosed) {
		t.Errorf("released after the session: %v", err)
	}
	got, err := wait(t, next)
	check(t, err)
	if !got.OwnerDied() {
		t.Error("the next holder is not told that the owner died")
	}
	check(t, got.Release())
	later := must(other.Acquire(ctx))
	if later.OwnerDied() {
		t.Error("the one after the next is told that the owner died")
	}
	check(t, later.Release())
}

// Whoever guards a resource outside knows the lock by its name alone.
func TestFencesGrowWhenALockIsMadeAgain(t *testing.T) {
	h := newHost(t)
	m := h.session()
	var last uint64
	for range 3 {
		lock := must(mpsync.NewLock(t.Context(), m, mpsync.Named("again")))
		for range 2 {
			held := must(lock.Acquire(t.Context()))
			if held.Fence() <= last {
				t.Errorf("fence %d after %d", held.Fence(), last)
			}
			last = held.Fence()
			check(t, held.Release())
		}
		check(t, lock.Close())
		h.expectEmpty()
	}
}

func TestRLockIsReentrantForItsOwner(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	lock := must(mpsync.NewRLock(ctx, h.session()))
	me, you := mpsync.NewOwner(), mpsync.NewOwner()
	first := must(lock.Acquire(ctx, me))
	second := must(lock.Acquire(ctx, me))
	if first.Fence() != second.Fence() {
		t.Errorf("fences %d and %d of one hold", first.Fence(), second.Fence())
	}
	if busy := must(lock.TryAcquire(ctx, you)); busy != nil {
		t.Error("another owner has it too")
	}
	next := async(func() (*mpsync.Held, error) { return lock.Acquire(ctx, you) })
	h.untilWaiting(1)
	check(t, first.Release())
	if must(lock.TryAcquire(ctx, you)) != nil {
		t.Error("it was free after one of two releases")
	}
	check(t, second.Release())
	got, err := wait(t, next)
	check(t, err)
	check(t, got.Release())
	if _, err := lock.Acquire(ctx, nil); err == nil {
		t.Error("acquired for nobody")
	}
}
