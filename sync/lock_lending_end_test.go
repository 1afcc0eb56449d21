package sync_test

import (
	"testing"

	mpsync "github.com/multiproc-go/multiproc/sync"
)

// Whoever gets a lock after a borrower whose word is corrupt has a fence that is larger than any that the borrower had,
// though nobody knows how many those were.
func TestFencesAfterAWordThatIsCorrupt(t *testing.T) {
	for name, corrupt := range map[string]func(word uint64) uint64{
		"cleared":      func(uint64) uint64 { return 0 },
		"another loan": func(word uint64) uint64 { return word ^ 1<<63 },
	} {
		h := newHost(t)
		bad := h.session()
		lock, other := h.borrow(bad, "corrupt"), own(t, h, "corrupt")
		var last uint64
		for range 1000 {
			held := must(lock.Acquire(t.Context()))
			last = held.Fence()
			check(t, held.Release())
		}
		words := lock.Words()
		for i := range words.Len() {
			if word := words.Load(i); word != 0 {
				words.Store(i, corrupt(word))
			}
		}
		if !must(other.Locked(t.Context())) {
			t.Errorf("%s: it is free", name)
		}
		next := must(other.Acquire(t.Context()))
		if next.Fence() <= last {
			t.Errorf("%s: fence %d after %d", name, next.Fence(), last)
		}
		check(t, next.Release())
	}
}

// A condition's own lock gives back its word with the condition, also when somebody had it.
func TestWordsOfConditionsThatAreGone(t *testing.T) {
	h := newHost(t)
	m := h.session()
	lasting := h.borrow(m, "lasting")
	for range 3000 {
		condition := must(mpsync.NewCondition(t.Context(), m, nil))
		must(condition.Acquire(t.Context()))
		check(t, condition.Close())
	}
	for i := 1500; i < lasting.Words().Len(); i++ {
		if lasting.Words().Load(i) != 0 {
			t.Fatalf("word %d was taken, with 3000 conditions", i)
		}
	}
}

// A session whose lock came back unsaid ends while others wait: one of them gets it, and its fence is not given again.
func TestALentLockThatCameBackUnsaidFromASessionThatEnds(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	doomed := h.session()
	lock, one, other := h.borrow(doomed, "unsaid"), own(t, h, "unsaid"), own(t, h, "unsaid")
	held := must(lock.Acquire(ctx))
	first := async(func() (*mpsync.Held, error) { return one.Acquire(ctx) })
	h.untilWaiting(1)
	second := async(func() (*mpsync.Held, error) { return other.Acquire(ctx) })
	h.untilWaiting(2)
	giveBack(lock.Words())
	check(t, doomed.Close())
	next, err := wait(t, first)
	check(t, err)
	if next.OwnerDied() || next.Fence() <= held.Fence() {
		t.Errorf("fence %d after %d, died: %v", next.Fence(), held.Fence(), next.OwnerDied())
	}
	if !must(other.Locked(ctx)) || len(second) != 0 {
		t.Error("it is free, or two have it")
	}
	check(t, next.Release())
	last, err := wait(t, second)
	check(t, err)
	if last.OwnerDied() || last.Fence() <= next.Fence() {
		t.Errorf("fence %d after %d, died: %v", last.Fence(), next.Fence(), last.OwnerDied())
	}
	check(t, last.Release())
}

// What was given back is released, also where its manager could not be told.
func TestALentLockThatIsReleasedAfterItsProxy(t *testing.T) {
	h := newHost(t)
	lock, other := h.borrow(h.session(), "closed"), own(t, h, "closed")
	held := must(lock.Acquire(t.Context()))
	next := async(func() (*mpsync.Held, error) { return other.Acquire(t.Context()) })
	h.untilWaiting(1)
	check(t, lock.Close())
	check(t, held.Release())
	theirs, err := wait(t, next)
	check(t, err)
	if theirs.OwnerDied() {
		t.Error("it was released")
	}
	check(t, theirs.Release())
}
