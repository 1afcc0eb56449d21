package pool

import (
	"context"
	"unsafe"

	"github.com/multiproc-go/multiproc/wire"
)

// encodeTask makes a task of an argument, encoded behind what slab has. It returns the slab as it is then. A small one of
// a job whose tasks may travel as runs is a run of one, which others may join. Large bytes are encoded on their way: here
// they are kept, or copied where the caller may change them.
func (f *Function[A, R]) encodeTask(ctx context.Context, j *job, index int, slab []byte, arg *A) (task, []byte, error) {
	if b, ok := f.codecs.args.Bytes(arg); ok && j.local && len(b) > rawLeast && int64(len(b)) <= j.pool.settings().MaxPayload-wire.BytesHeader {
		if !j.borrows {
			b = copies.clone(b)
		}
		return task{job: j, index: index, arg: b, raw: true}, slab, nil
	}
	start := len(slab)
	if j.packs && j.entry.argPacking > 0 {
		slab = f.codecs.args.AppendFixed(slab, unsafe.Slice(arg, 1))
		return task{job: j, index: index, run: 1, arg: slab[start:]}, slab, nil
	}
	if j.packs {
		slab = append(slab, 0)
	}
	encoded, err := encode(ctx, j, f.codecs.args, index, slab, arg)
	if err != nil {
		return task{}, slab[:start], err
	}
	t := task{job: j, index: index}
	if size := len(encoded) - len(slab); !j.packs || size > runLargest {
		t.arg = encoded[len(slab):len(encoded):len(encoded)]
		return t, encoded, nil
	}
	encoded = sealRun(encoded, start, false)
	t.run, t.arg = 1, encoded[start:] // with what comes behind it, for those who join
	return t, encoded, nil
}

// feedRuns is feed for a job whose tasks may travel as runs.
func (f *Function[A, R]) feedRuns(ctx context.Context, m *mapJob[R], inputs []A) {
	for at := 0; at < len(inputs); {
		tasks, failure := f.pack(ctx, m.job, inputs, at)
		for _, t := range tasks {
			if err := m.job.pool.submitOne(ctx, t); err != nil {
				for ; at < len(inputs); at++ {
					m.settle(at, outcome{kind: Cancelled, err: err})
				}
				return
			}
			at += t.count()
		}
		if failure != nil {
			m.settle(at, outcome{kind: Failed, err: failure})
			at++
		}
	}
}

// pack encodes inputs from the at-th on: a run, and what ended it, which is a task that travels alone, or the failure of
// one that cannot be encoded.
func (f *Function[A, R]) pack(ctx context.Context, j *job, inputs []A, at int) (tasks []task, failure error) {
	most := at + min(runTasks, j.pool.settings().QueueTasks, len(inputs)-at)
	if size := int(j.entry.argPacking); size > 0 {
		most = min(most, at+runBytes/size)
		return []task{{job: j, index: at, run: most - at, arg: f.codecs.args.AppendFixed(nil, inputs[at:most])}}, nil
	}
	slab := make([]byte, 0, min(runBytes, 16*(most-at))+longMarkSize)
	run := task{job: j, index: at}
	var alone []task
	for end := at; end < most && len(slab) < runBytes; end++ {
		t, encoded, err := f.encodeTask(ctx, j, end, slab, &inputs[end])
		if err != nil {
			failure = err
			break
		}
		if t.run == 0 {
			alone = append(alone, t)
			break
		}
		slab = encoded
		run.run++
	}
	if run.run > 0 {
		run.arg = slab
		tasks = append(tasks, run)
	}
	return append(tasks, alone...), failure
}

// runs reports whether small tasks may travel as runs: not when it is to be known whose each log record is.
func (o *Options) runs() bool { return o.ForwardLogs == nil && o.MaxPayload >= leastPayload }
