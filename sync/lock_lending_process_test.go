package sync_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// borrower is a process to which a lock is lent. It holds the lock at the end if that is asked for.
type borrower struct {
	Lock  *mpsync.Lock
	Ready *mpsync.Event
	Holds bool
}

var borrowLock = spawn.Register(func(ctx context.Context, b borrower) error {
	for n := 0; n < 100 || b.Lock.Words() == nil; n++ {
		held, err := b.Lock.Acquire(ctx)
		if err != nil {
			return err
		}
		if err := held.Release(); err != nil {
			return err
		}
		if _, err := b.Ready.IsSet(ctx); err != nil {
			return err
		}
	}
	if b.Holds {
		if _, err := b.Lock.Acquire(ctx); err != nil {
			return err
		}
	}
	if err := b.Ready.Set(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
})

func (b borrower) start(t *testing.T) *spawn.Process {
	t.Helper()
	p := start(t, borrowLock, b)
	check(t, b.Ready.Wait(t.Context()))
	return p
}

func newBorrower(t *testing.T, m *manager.Manager, holds bool) borrower {
	t.Helper()
	return borrower{must(mpsync.NewLock(t.Context(), m)), must(mpsync.NewEvent(t.Context(), m)), holds}
}

// A lock that its borrower does not hold is there for others, whatever has become of the borrower.
func TestALentLockOfAProcessThatIsStoppedOrKilled(t *testing.T) {
	m := startManager(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, killed := range []bool{false, true} {
		b := newBorrower(t, m, false)
		p := b.start(t)
		if killed {
			kill(t, p)
		} else {
			stop(t, p.PID())
		}
		held := must(b.Lock.Acquire(ctx))
		if held.OwnerDied() {
			t.Error("the lock was free")
		}
		check(t, held.Release())
	}
}

func TestALentLockOfAHolderThatIsStoppedAndKilled(t *testing.T) {
	m := startManager(t)
	b := newBorrower(t, m, true)
	p := b.start(t)
	stop(t, p.PID())
	limited, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.Lock.Acquire(limited); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lock that is held was had: %v", err)
	}
	next := async(func() (*mpsync.Held, error) { return b.Lock.Acquire(t.Context()) })
	kill(t, p)
	held, err := wait(t, next)
	check(t, err)
	if !held.OwnerDied() {
		t.Error("the next holder is not told that the owner died")
	}
	check(t, held.Release())
}

// A borrower needs no manager for what it alone uses; when the manager is gone, so is the lock.
func TestALentLockWithoutItsManager(t *testing.T) {
	m := startManager(t)
	lock := (&host{t: t}).borrow(m, "of a manager that is stopped")
	stop(t, m.Process().PID())
	for range 100 {
		held := must(lock.Acquire(t.Context()))
		if !must(lock.Locked(t.Context())) || must(lock.TryAcquire(t.Context())) != nil {
			t.Fatal("it is not held")
		}
		check(t, held.Release())
	}
	held := must(lock.Acquire(t.Context()))
	check(t, m.Process().Kill())
	<-held.Lost()
	if err := held.Release(); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("released after the manager: %v", err)
	}
	if _, err := lock.Acquire(t.Context()); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("acquired after the manager: %v", err)
	}
}
