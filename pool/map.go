package pool

import (
	"context"
	"slices"
	stdsync "sync"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/wire"
)

// feedTasks and feedBytes bound what Map encodes before it hands it to the queue.
const (
	feedTasks = 512
	feedBytes = 64 << 10
)

// mapJob is the sink of a Map: it decodes each result into its place.
type mapJob[R any] struct {
	job    *job
	codec  *wire.Codec[R]
	result *AsyncResult[[]R]
	values []R
	left   atomic.Int64 // tasks that have not ended

	mu     stdsync.Mutex // guards failed
	failed []*TaskError
}

// newMap makes a Map's job, and has the pool wait for its inputs until end is called.
func (f *Function[A, R]) newMap(ctx context.Context, p Runner, tasks int) (*mapJob[R], error) {
	if err := f.admissible(ctx, p); err != nil {
		return nil, err
	}
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	j := f.newJob(ctx, p, false)
	m := &mapJob[R]{job: j, codec: f.codecs.results, result: newAsyncResult[[]R](j), values: make([]R, tasks)}
	j.borrows = j.local
	m.left.Store(int64(tasks))
	j.sink = m
	j.watch()
	if tasks == 0 {
		m.result.settle(m.values, nil)
	}
	return m, nil
}

// feed encodes inputs and hands them to the queue. What cannot be encoded or submitted fails on its own.
func (f *Function[A, R]) feed(ctx context.Context, m *mapJob[R], inputs []A) {
	if m.job.packs {
		f.feedRuns(ctx, m, inputs)
		return
	}
	batch := min(feedTasks, len(inputs))
	if most := m.job.pool.settings().QueueTasks; most > 0 { // a hosted pool's is its own affair
		batch = min(batch, most)
	}
	tasks := make([]task, 0, batch)
	for at := 0; at < len(inputs); {
		tasks = tasks[:0]
		var buffer []byte
		for size := 0; at < len(inputs) && len(tasks) < batch && size < feedBytes; at++ {
			t, encoded, err := f.encodeTask(ctx, m.job, at, buffer, &inputs[at])
			if err != nil {
				m.settle(at, outcome{kind: Failed, err: err})
				continue
			}
			buffer = encoded
			tasks = append(tasks, t)
			size += len(t.arg)
		}
		if err := m.job.pool.submit(ctx, tasks); err != nil {
			for _, t := range tasks {
				m.job.settle(t.index, outcome{kind: Cancelled, err: err})
			}
			for ; at < len(inputs); at++ {
				m.settle(at, outcome{kind: Cancelled, err: err})
			}
		}
	}
}

func (m *mapJob[R]) settle(index int, o outcome) {
	if o.err == nil && m.codec.MayHoldProxy() {
		kept := outcome{kind: o.kind, value: append([]byte(nil), o.value...)}
		m.job.pool.callback(func() { m.place(index, kept) })
		return
	}
	m.place(index, o)
}

func (m *mapJob[R]) place(index int, o outcome) {
	err := o.err
	if err == nil {
		err = decodeInto(m.codec, o, &m.values[index])
	}
	if err != nil {
		m.fail(index, err)
	}
	m.ended(1)
}

func (m *mapJob[R]) fail(index int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = append(m.failed, &TaskError{Index: index, Err: err})
}

// ended takes it that so many more tasks have ended.
func (m *mapJob[R]) ended(tasks int) {
	if m.left.Add(-int64(tasks)) > 0 {
		return
	}
	if len(m.failed) == 0 {
		m.result.settle(m.values, nil)
		return
	}
	slices.SortFunc(m.failed, func(a, b *TaskError) int { return a.Index - b.Index })
	m.result.settle(m.values, &MapError{Tasks: len(m.values), Failed: m.failed})
}

func (m *mapJob[R]) settleRun(index, count int, run []byte) {
	if m.job.entry.resultPacking > 0 {
		m.codec.CopyFixed(m.values[index:index+count], run)
		m.ended(count)
		return
	}
	for i := range count {
		element, rest, failed, err := cutRun(run)
		switch {
		case err != nil:
		case failed:
			err = failure(m.job, element).err
		default:
			err = decodeInto(m.codec, outcome{value: element}, &m.values[index+i])
		}
		if err != nil {
			m.fail(index+i, err)
		}
		run = rest
	}
	m.ended(count)
}
