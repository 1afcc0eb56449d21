package state_test

import (
	"testing"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// many is how much is outstanding in the benchmarks, of two sessions in turn.
const many = 100_000

func BenchmarkSemaphoreWithManyOut(b *testing.B) {
	m := state.NewSemaphore(many+1, true)
	sessions := []*client{{1}, {2}}
	for i := range many {
		m.TryAcquire(sessions[i%2])
	}
	last := &client{3} // whose holds are the newest
	b.ReportAllocs()
	for b.Loop() {
		m.TryAcquire(last)
		if err := m.Release(last, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSemaphoreSessionEndsWithManyOut(b *testing.B) {
	m := state.NewSemaphore(many+1, true)
	for range many {
		m.TryAcquire(&client{1})
	}
	b.ReportAllocs()
	for b.Loop() {
		last := &client{3}
		m.TryAcquire(last)
		m.EndSession(last)
	}
}

func BenchmarkQueueWithManyOut(b *testing.B) {
	q := state.NewQueue(0, true)
	move := func(s *client) uint64 {
		w := &state.QueueWait{Session: s}
		q.Put(&state.QueueWait{Session: s, Item: &state.Item{}})
		q.Get(w)
		q.Answered()
		q.Dropped()
		return w.Item.Number
	}
	sessions := []*client{{1}, {2}}
	for i := range many {
		move(sessions[i%2])
	}
	last := &client{3}
	b.ReportAllocs()
	for b.Loop() {
		if err := q.Done(last, move(last)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQueueTakesManyBack(b *testing.B) {
	q := state.NewQueue(0, true)
	s := &client{1}
	for range many {
		q.Put(&state.QueueWait{Session: s, Item: &state.Item{}})
	}
	q.Answered()
	b.ReportAllocs()
	for b.Loop() {
		for range many {
			q.Get(&state.QueueWait{Session: s})
		}
		q.Answered()
		q.EndSession(s)
	}
}

func BenchmarkRLockWithManyWaiters(b *testing.B) {
	l := state.NewLock(true, 0)
	s := &client{1}
	owner := func(n int) state.LockOwner { return state.LockOwner{Session: s, Number: uint64(n)} }
	next := 0
	acquire := func() {
		next++
		l.Acquire(&state.LockWait{Owner: owner(next)})
	}
	for range many {
		acquire()
	}
	l.Answered()
	b.ReportAllocs()
	for b.Loop() {
		holder, _ := l.Holder()
		acquire()
		if err := l.Release(holder, holder.Number); err != nil { // the fences count the grants, as the owners do
			b.Fatal(err)
		}
		l.Answered()
	}
}
