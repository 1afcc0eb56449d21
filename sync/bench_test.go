package sync_test

import (
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

func BenchmarkValueGet(b *testing.B) {
	m := startManager(b)
	v := must(mpsync.NewValue(b.Context(), m, 1))
	b.ReportAllocs()
	for b.Loop() {
		must(v.Get(b.Context()))
	}
}

func BenchmarkLockUncontended(b *testing.B) {
	m := startManager(b)
	lock := must(mpsync.NewLock(b.Context(), m))
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		held, err := lock.Acquire(ctx)
		if err == nil {
			err = held.Release()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// Two sessions take the lock in turn: nobody has it for longer than one acquisition.
func BenchmarkLockInTurn(b *testing.B) {
	m := startManager(b)
	other := must(manager.Connect(b.Context(), m.Address(), &manager.Options{Key: m.Key()}))
	defer other.Close()
	locks := []*mpsync.Lock{
		must(mpsync.NewLock(b.Context(), m, mpsync.Named("turn"))),
		must(mpsync.NewLock(b.Context(), other, mpsync.Named("turn"))),
	}
	ctx, turn := b.Context(), 0
	b.ReportAllocs()
	for b.Loop() {
		held, err := locks[turn%2].Acquire(ctx)
		if err == nil {
			err = held.Release()
		}
		if err != nil {
			b.Fatal(err)
		}
		turn++
	}
}

func BenchmarkQueuePutGet(b *testing.B) {
	m := startManager(b)
	q := must(mpsync.NewQueue[int](b.Context(), m, 0))
	b.ReportAllocs()
	for b.Loop() {
		check(b, q.Put(b.Context(), 1))
		must(q.Get(b.Context()))
	}
}
