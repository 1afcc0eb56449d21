package pool

import (
	"context"
	"fmt"
	"iter"
	stdsync "sync"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// IMapSharedSeq submits a task for each input of a sequence to a hosted pool, and returns a shared object that yields the
// results in the inputs' order. The sequence is read in this process, as IMap does it: in a goroutine of its own, a bounded
// number of inputs ahead of what all users of the iterator together have taken, so that it may be endless. It is read until
// its end, until ctx or the pool ends, or until nobody refers to the iterator or somebody cancels it.
//
// The tasks that were submitted are the iterator's, whatever becomes of this process. When it dies, closes the handle h, or
// fails to read the sequence to its end, with a panic for one, the iterator's users get the results of those, and then an
// error that wraps ErrCutShort. The caller closes the iterator. Errors: as ApplyAsync's.
func (f *Function[A, R]) IMapSharedSeq(ctx context.Context, h *Hosted, inputs iter.Seq[A]) (*SharedIterator[R], error) {
	p, err := f.feedShared(ctx, h, inputs, modeOpen|modeOrdered)
	if err != nil {
		return nil, err
	}
	return &SharedIterator[R]{p}, nil
}

// IMapSharedSeqUnordered is IMapSharedSeq with the results in the order in which tasks end.
func (f *Function[A, R]) IMapSharedSeqUnordered(ctx context.Context, h *Hosted, inputs iter.Seq[A]) (*SharedIterator[R], error) {
	p, err := f.feedShared(ctx, h, inputs, modeOpen)
	if err != nil {
		return nil, err
	}
	return &SharedIterator[R]{p}, nil
}

func (f *Function[A, R]) feedShared(ctx context.Context, h *Hosted, inputs iter.Seq[A], mode uint8) (*manager.Proxy, error) {
	if err := f.admissible(ctx, h); err != nil {
		return nil, err
	}
	hosting := h.use()
	a, err := hosting.attach(ctx)
	if err != nil {
		return nil, err
	}
	w := &feeder{hosting: hosting, attached: a, job: f.newJob(ctx, h, false), number: hosting.number()}
	w.changed.L = &w.mu
	p, err := a.proxy.InvokeProxy(ctx, methodShare, appendSubmission(w.job, w.number, mode, nil))
	if err != nil {
		return nil, fromHost(err)
	}
	hosting.callback(func() { w.send(ctx) })
	go f.pullShared(ctx, w, inputs) // ends with the input; one that blocks for ever is abandoned
	return p, nil
}

// feeder is the submitting end of a shared iterator: inputs gather in it while those before them are sent.
type feeder struct {
	hosting  *hosting
	attached *attached
	job      *job
	number   uint64

	mu      stdsync.Mutex // guards the fields below
	changed stdsync.Cond
	inputs  []input
	read    int // inputs of the sequence
	allowed int // how many may be read
	over    bool
	failure error // why the input was not read to its end
	dead    bool  // nothing is sent any more
}

// input is a task to be sent, or why there is none.
type input struct {
	task
	failure error
}

// pullShared reads the sequence.
func (f *Function[A, R]) pullShared(ctx context.Context, w *feeder, inputs iter.Seq[A]) {
	var failure error = errGoexit
	defer func() {
		if value := recover(); value != nil {
			failure = fmt.Errorf("%w: %w", ErrCutShort, wire.NewPanicError(value))
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.over, w.failure = true, failure
		w.changed.Broadcast()
	}()
	for arg := range inputs {
		index, ok := w.next()
		if !ok {
			break
		}
		encoded, err := encode(ctx, w.job, f.codecs.args, index, nil, &arg)
		w.mu.Lock()
		w.inputs = append(w.inputs, input{task{job: w.job, index: index, arg: encoded}, err})
		w.changed.Broadcast()
		w.mu.Unlock()
	}
	failure = cutShort(context.Cause(ctx)) // a sequence may end because ctx has; if it was left early, send knows why
}

// next blocks until an input is wanted and returns its index, or false when none is any more.
func (w *feeder) next() (int, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.dead && w.read >= w.allowed {
		w.changed.Wait()
	}
	w.read++
	return w.read - 1, !w.dead
}

// send submits what has gathered, until the end.
func (w *feeder) send(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	unfollow := context.AfterFunc(w.hosting.lifetime, func() { cancel(context.Cause(w.hosting.lifetime)) })
	defer unfollow()
	unwatch := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed.Broadcast()
	})
	defer unwatch()
	failure := w.sendAll(ctx)
	w.mu.Lock()
	w.dead = true
	left := w.inputs
	w.inputs = nil
	w.changed.Broadcast()
	w.mu.Unlock()
	w.release(left)
	// An error means that the pool's end is gone, or knows of its own end: then there is nobody to tell.
	_, _ = w.attached.proxy.Invoke(w.hosting.lifetime, methodEndFeed, appendEndOfFeed(w.number, failure))
}

// sendAll returns why the input was not read to its end, nil when it was.
func (w *feeder) sendAll(ctx context.Context) error {
	for {
		inputs, over, failure := w.gathered(ctx)
		if ctx.Err() != nil {
			w.release(inputs)
			return cutShort(context.Cause(ctx))
		}
		if len(inputs) == 0 && over {
			return failure
		}
		for first := true; first || len(inputs) > 0; first = false {
			n, mode := w.message(inputs)
			err := w.tell(ctx, mode, inputs[:n])
			w.release(inputs[:n])
			if err != nil {
				w.release(inputs[n:])
				return cutShort(err)
			}
			inputs = inputs[n:]
		}
	}
}

// gathered takes the inputs that are there, when there are any, the input has ended, or more room is to be asked for.
func (w *feeder) gathered(ctx context.Context) (inputs []input, over bool, failure error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ctx.Err() == nil && len(w.inputs) == 0 && !w.over && w.read < w.allowed {
		w.changed.Wait()
	}
	inputs, w.inputs = w.inputs, nil
	return inputs, w.over, w.failure
}

// message returns how many of the inputs go in one message, and its mode.
func (w *feeder) message(inputs []input) (n int, mode uint8) {
	if len(inputs) == 0 {
		return 0, modeOpen
	}
	if inputs[0].failure != nil {
		return 1, modeOpen | modeFailed
	}
	tasks := make([]task, 0, len(inputs))
	for _, in := range inputs {
		if in.failure != nil {
			break
		}
		tasks = append(tasks, in.task)
	}
	return w.attached.fitting(tasks), modeOpen
}

// tell sends one message, and learns how many inputs may be read.
func (w *feeder) tell(ctx context.Context, mode uint8, inputs []input) error {
	tasks := make([]task, len(inputs))
	for i, in := range inputs {
		tasks[i] = in.task
		if in.failure != nil {
			tasks[i].arg = wire.AppendError(nil, fit(w.job.entry.name, outcome{err: in.failure}, w.attached.largest).err)
		}
	}
	reply, err := w.attached.proxy.Invoke(ctx, methodFeed, appendSubmission(w.job, w.number, mode, tasks))
	if err != nil {
		return fromHost(err)
	}
	allowed, _, err := msgp.ReadIntBytes(reply)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = allowed
	w.changed.Broadcast()
	return err
}

// release lets go of the proxies in arguments: the manager keeps them itself.
func (w *feeder) release(inputs []input) {
	for _, in := range inputs {
		w.job.release(in.index)
	}
}
