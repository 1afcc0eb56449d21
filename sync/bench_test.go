package sync_test

import (
	"testing"

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
	b.ReportAllocs()
	for b.Loop() {
		held := must(lock.Acquire(b.Context()))
		check(b, held.Release())
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
