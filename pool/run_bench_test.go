package pool

import (
	"context"
	"testing"
)

// BenchmarkWorkerRun is what a task in a run costs its worker, from the ring of tasks to its result in the block.
func BenchmarkWorkerRun(b *testing.B) {
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
	l := &link{shared: s, tasks: ringWriter{ring: s.tasks(), tail: s.word(wordTaskTail), head: s.word(wordTaskHead)}}
	results := ringReader{ring: s.results(), tail: s.word(wordResultTail), head: s.word(wordResultHead)}
	j := &job{entry: f.entry, packs: true, pool: &Pool{options: &Options{MaxPayload: 1 << 20, QueueTasks: 1 << 16}}}
	inputs := make([]int, runTasks)
	for i := range inputs {
		inputs[i] = 100_000 + i
	}
	tasks, err := f.pack(context.Background(), j, inputs, 0)
	if err != nil || len(tasks) != 1 {
		b.Fatal(err, len(tasks))
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%runTasks != 0 {
			continue
		}
		room, err := l.tasks.reserve(l.recordOf(&tasks[0], false, false, 1))
		if err != nil || room == nil {
			b.Fatal(err)
		}
		l.launchLocked(tasks[0], room)
		l.runsOver++
		l.tasks.publish()
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
		if span, err = results.span(); err != nil {
			b.Fatal(err)
		}
		results.release(len(span))
	}
}
