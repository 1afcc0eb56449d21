package pool

import (
	"context"
	"testing"
)

// BenchmarkWorkerTask is what a task costs its worker, from the ring of tasks to the ring of results.
func BenchmarkWorkerTask(b *testing.B) {
	f := RegisteredForBenchmark
	functions.seal()
	s, _, file, err := newShared()
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	defer s.close()
	w := &worker{
		ctx: context.Background(), shared: s, largest: 1 << 20,
		tasks:   ringReader{ring: s.tasks(), tail: s.word(wordTaskTail), head: s.word(wordTaskHead)},
		results: ringWriter{ring: s.results(), tail: s.word(wordResultTail), head: s.word(wordResultHead)},
	}
	tasks := ringWriter{ring: s.tasks(), tail: s.word(wordTaskTail), head: s.word(wordTaskHead)}
	results := ringReader{ring: s.results(), tail: s.word(wordResultTail), head: s.word(wordResultHead)}
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		room, err := tasks.reserve(1, f.entry.index)
		if err != nil || room == nil {
			b.Fatal(err)
		}
		room[0] = 7
		s.send(n)
		tasks.publish()
		span, err := w.tasks.span()
		if err != nil {
			b.Fatal(err)
		}
		r, _, err := firstRecord(span)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.take(r); err != nil {
			b.Fatal(err)
		}
		span, err = results.span()
		if err != nil {
			b.Fatal(err)
		}
		results.release(len(span))
	}
}
