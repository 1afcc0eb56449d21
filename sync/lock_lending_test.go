package sync_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	stdsync "sync"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
	"github.com/multiproc-go/multiproc/wire"
)

// An exit is an object by which a session may end itself in a way that no client would.
type exit struct{}

func init() {
	manager.RegisterType(manager.Type{
		Name:    "sync_test.exit",
		New:     func([]byte, *manager.Host) (manager.Object, error) { return exit{}, nil },
		Methods: []string{"Stay", "Leave"},
	})
}

func (exit) Call(r *manager.Request) {
	if r.Method == "Leave" {
		r.Session.Expel()
	}
	r.Return(nil)
}

// shareMemory blocks until a session shares memory with its manager, and returns what it can be expelled by.
func shareMemory(t testing.TB, m *manager.Manager) *manager.Proxy {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("there is no memory to share here")
	}
	e := must(manager.Create(context.Background(), m, "sync_test.exit", nil, nil))
	for e.Words() == nil {
		must(e.Invoke(context.Background(), "Stay", nil))
	}
	return e
}

// expel has a session ended, and blocks until a call over it has been lost.
func expel(e *manager.Proxy) {
	_, err := e.Invoke(context.Background(), "Leave", nil)
	for err == nil {
		_, err = e.Invoke(context.Background(), "Stay", nil)
	}
}

// borrow returns a lock that is lent to a session, which does not hold it.
func (h *host) borrow(m *manager.Manager, name string) *mpsync.Lock {
	h.t.Helper()
	e := shareMemory(h.t, m)
	check(h.t, e.Close())
	lock := must(mpsync.NewLock(h.t.Context(), m, mpsync.Named(name)))
	check(h.t, must(lock.Acquire(h.t.Context())).Release())
	return lock
}

// own returns a lock of a session of its own, to which nothing is lent yet: it shares no memory.
func own(t *testing.T, h *host, name string) *mpsync.Lock {
	t.Helper()
	return must(mpsync.NewLock(t.Context(), h.session(), mpsync.Named(name)))
}

func TestALockThatIsLentIsALock(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	lock, other := h.borrow(h.session(), "lent"), own(t, h, "lent")
	var last uint64
	for round := range 5 {
		held := must(lock.Acquire(ctx))
		if held.Fence() <= last || held.OwnerDied() {
			t.Errorf("round %d: fence %d after %d; died: %v", round, held.Fence(), last, held.OwnerDied())
		}
		if !must(lock.Locked(ctx)) || !must(other.Locked(ctx)) {
			t.Error("a held lock is not locked")
		}
		if must(lock.TryAcquire(ctx)) != nil || must(other.TryAcquire(ctx)) != nil {
			t.Error("two have it")
		}
		check(t, held.Release())
		if err := held.Release(); !errors.Is(err, mpsync.ErrNotHeld) {
			t.Errorf("a second release: %v", err)
		}
		if must(lock.Locked(ctx)) || must(other.Locked(ctx)) {
			t.Error("a free lock is locked")
		}
		theirs := must(other.TryAcquire(ctx))
		if theirs == nil || theirs.Fence() <= held.Fence() {
			t.Fatalf("round %d: %+v after fence %d", round, theirs, held.Fence())
		}
		last = theirs.Fence()
		check(t, theirs.Release())
		if round == 3 {
			check(t, must(lock.Acquire(ctx)).Release()) // and lent again
		}
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := lock.Acquire(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("acquired with a context that had ended: %v", err)
	}
}

// What the manager tells of a lock that is lent is what its borrower does with it.
func TestInfoOfALockThatIsLent(t *testing.T) {
	h := newHost(t)
	lock := h.borrow(h.session(), "looked at")
	holders := func() (n int) {
		for _, o := range must(h.watch.Info(t.Context())).Objects {
			n += len(o.Holders)
		}
		return n
	}
	for range 3 {
		if n := holders(); n != 0 {
			t.Errorf("%d hold a free lock", n)
		}
		held := must(lock.Acquire(t.Context()))
		if n := holders(); n != 1 {
			t.Errorf("%d hold it", n)
		}
		check(t, held.Release())
	}
}

// Who waits gets the lock with the release, and in turn with those who had it before.
func TestALentLockIsRecalled(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	lock, other := h.borrow(h.session(), "recalled"), own(t, h, "recalled")
	for range 20 {
		held := must(lock.Acquire(ctx))
		next := async(func() (*mpsync.Held, error) { return other.Acquire(ctx) })
		h.untilWaiting(1)
		mine := async(func() (*mpsync.Held, error) { return lock.Acquire(ctx) })
		h.untilWaiting(2)
		check(t, held.Release())
		theirs, err := wait(t, next)
		check(t, err)
		if len(mine) != 0 || theirs.Fence() <= held.Fence() {
			t.Fatalf("fence %d after %d, and the borrower has it again: %v", theirs.Fence(), held.Fence(), len(mine) != 0)
		}
		check(t, theirs.Release())
		held, err = wait(t, mine)
		check(t, err)
		check(t, held.Release())
	}
}

func TestALentLockOfASessionThatEnds(t *testing.T) {
	h := newHost(t)
	for _, holds := range []bool{false, true} {
		for _, cut := range []bool{false, true} {
			doomed := h.session()
			name := fmt.Sprint(holds, cut)
			leave := shareMemory(t, doomed)
			lock, other := h.borrow(doomed, name), own(t, h, name)
			var held *mpsync.Held
			if holds {
				held = must(lock.Acquire(t.Context()))
			}
			if cut {
				expel(leave)
			} else {
				check(t, doomed.Close())
			}
			next := must(other.Acquire(t.Context()))
			if next.OwnerDied() != holds {
				t.Errorf("held: %v, cut: %v, died: %v", holds, cut, next.OwnerDied())
			}
			<-lock.Lost()
			isOver := func(err error) bool {
				return errors.Is(err, manager.ErrManagerLost) || errors.Is(err, manager.ErrClosed)
			}
			if _, err := lock.Acquire(t.Context()); !isOver(err) {
				t.Errorf("acquired after the session: %v", err)
			}
			if holds {
				if err := held.Release(); !isOver(err) {
					t.Errorf("released after the session: %v", err)
				}
			}
			check(t, next.Release())
		}
	}
}

// Who has heard from a call that the session is lost does not release by a word what is lost with it: the next holder would
// not know that something may be half done.
func TestALentLockAfterACallThatWasLost(t *testing.T) {
	h := newHost(t)
	for n := range 200 {
		doomed, name := h.session(), fmt.Sprint("lost ", n)
		leave := shareMemory(t, doomed)
		lock, other := h.borrow(doomed, name), own(t, h, name)
		held := must(lock.Acquire(t.Context()))
		lost := make(chan struct{}, 4)
		for range cap(lost) { // the first to hear of it is one that has just begun a call
			go func() {
				expel(leave)
				lost <- struct{}{}
			}()
		}
		<-lost
		if err := held.Release(); !errors.Is(err, manager.ErrManagerLost) {
			t.Fatalf("released after a call that was lost: %v", err)
		}
		next := must(other.Acquire(t.Context()))
		if !next.OwnerDied() {
			t.Fatal("the next holder is not told")
		}
		check(t, next.Release())
		for range cap(lost) - 1 {
			<-lost
		}
	}
}

// A borrower that breaks the rules has its own session ended, and nothing else.
func TestALentLockWithAWordThatIsCorrupt(t *testing.T) {
	h := newHost(t)
	bad := h.session()
	lock, other := h.borrow(bad, "corrupt"), own(t, h, "corrupt")
	words := lock.Words()
	for i := range words.Len() {
		words.Store(i, ^uint64(0))
	}
	next := must(other.Acquire(t.Context()))
	if !next.OwnerDied() {
		t.Error("nobody knows whether it was held")
	}
	<-lock.Lost()
	check(t, next.Release())
}

// A lock that nobody refers to any more gives back its word, and what had it for one does not touch another's.
func TestWordsOfLocksThatAreGone(t *testing.T) {
	h := newHost(t)
	m := h.session()
	lasting := h.borrow(m, "lasting")
	for i := range 3 * 1000 {
		lock := must(mpsync.NewLock(t.Context(), m))
		held := must(lock.Acquire(t.Context()))
		if i%2 == 0 {
			check(t, held.Release())
		}
		check(t, lock.Close())
		if i%2 == 1 {
			if err := held.Release(); err != nil && !errors.Is(err, manager.ErrClosed) && !errors.Is(err, mpsync.ErrNotHeld) {
				t.Fatal(err)
			}
		}
	}
	for i := 1500; i < lasting.Words().Len(); i++ {
		if lasting.Words().Load(i) != 0 {
			t.Fatalf("word %d was taken, with 3000 locks", i)
		}
	}
	check(t, must(lasting.Acquire(t.Context())).Release())
}

// More locks than words: the rest is not lent.
func TestMoreLocksThanWords(t *testing.T) {
	h := newHost(t)
	m := h.session()
	first := h.borrow(m, "first")
	locks := []*mpsync.Lock{first}
	for range first.Words().Len() + 10 {
		lock := must(mpsync.NewLock(t.Context(), m))
		locks = append(locks, lock)
		check(t, must(lock.Acquire(t.Context())).Release())
	}
	for i, lock := range locks {
		held := must(lock.Acquire(t.Context()))
		if !must(lock.Locked(t.Context())) {
			t.Fatalf("lock %d is free, and held", i)
		}
		check(t, held.Release())
	}
}

// Goroutines of several sessions count, each under one lock; without it increments get lost.
func TestCountingUnderALentLock(t *testing.T) {
	h := newHost(t)
	const sessions, each, rounds = 3, 3, 300
	counts := make([]int, 4)
	var counting stdsync.WaitGroup
	for range sessions {
		m := h.session()
		for i := range counts {
			lock := h.borrow(m, fmt.Sprint("count ", i))
			for range each {
				counting.Go(func() {
					for range rounds {
						held := must(lock.Acquire(t.Context()))
						counts[i]++
						check(t, held.Release())
					}
				})
			}
		}
	}
	counting.Wait()
	for i, n := range counts {
		expect(t, fmt.Sprint("count ", i), n, sessions*each*rounds)
	}
}

// A condition of a lock that is lent: the manager has to know who holds it.
func TestConditionOfALentLock(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	lock := h.borrow(m, "of a condition")
	condition := must(mpsync.NewCondition(ctx, m, lock))
	for range 5 {
		first := must(lock.Acquire(ctx))
		waited := async(func() (any, error) { return nil, condition.Wait(ctx, first) })
		h.untilWaiting(1)
		second := must(lock.Acquire(ctx))
		check(t, second.Release())
		second = must(lock.Acquire(ctx))
		if n := must(condition.Notify(ctx, second, 1)); n != 1 {
			t.Errorf("%d were notified", n)
		}
		check(t, second.Release())
		_, err := wait(t, waited)
		check(t, err)
		if first.Fence() <= second.Fence() {
			t.Errorf("fence %d after %d", first.Fence(), second.Fence())
		}
		check(t, first.Release())
		check(t, must(lock.Acquire(ctx)).Release())
	}
}

// giveBack releases a lock that was recalled, and tells nobody.
func giveBack(words *wire.Words) {
	const has, recalled = 1, 2
	for i := range words.Len() {
		if word := words.Load(i); word&(has|recalled) == has|recalled && words.CompareAndSwap(i, word, word&^has) {
			return
		}
	}
	panic("no lock is held that was recalled")
}

// A borrower that is stopped between its release and telling the manager of it holds nobody up for long.
func TestALentLockThatCameBackUnsaid(t *testing.T) {
	h := newHost(t)
	lock, other := h.borrow(h.session(), "unsaid"), own(t, h, "unsaid")
	held := must(lock.Acquire(t.Context()))
	next := async(func() (*mpsync.Held, error) { return other.Acquire(t.Context()) })
	h.untilWaiting(1)
	giveBack(lock.Words())
	theirs, err := wait(t, next)
	check(t, err)
	if err := held.Release(); !errors.Is(err, mpsync.ErrNotHeld) {
		t.Errorf("released again: %v", err)
	}
	check(t, theirs.Release())
}
