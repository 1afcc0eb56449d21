package pool

import (
	"context"
	"iter"
)

// Apply runs the function in a worker and returns its result. It blocks until the task has ended: when ctx
// ends first, the task is cancelled, and Apply returns as soon as it has ended, which is at once for a task
// that waits, and at most about twice the pool's Grace for one that runs and takes no notice. A result that
// came all the same is returned with a nil error. The argument must not change until Apply returns.
//
// Errors: what the function returned or its panic, as *RemoteError; *WorkerLostError; ErrTaskTimeout;
// ErrPoolBroken; ErrClosed; ErrTaskTooLarge; context.Cause(ctx); an error of the argument's encoding; what wraps
// manager.ErrManagerLost, for a proxy in the argument or the result whose manager is lost, here or in the worker; *RetryError around one of
// these, for a task that was run more than once; a fault of the function's Retry.
func (f *Function[A, R]) Apply(ctx context.Context, p Runner, arg A) (R, error) {
	result, err := f.apply(ctx, p, arg, true)
	if err != nil {
		var zero R
		return zero, err
	}
	return result.Get(context.WithoutCancel(ctx))
}

// ApplyAsync submits one task and returns its result to come. The argument is encoded before it returns, so
// the caller may change it then. It blocks while the pool's queue is full. The context governs the task
// until it has ended, not the submission alone. Errors: as Apply's, when they are known at once.
func (f *Function[A, R]) ApplyAsync(ctx context.Context, p Runner, arg A) (*AsyncResult[R], error) {
	return f.apply(ctx, p, arg, false)
}

// apply is ApplyAsync. A caller that waits leaves the argument alone until the task has ended.
func (f *Function[A, R]) apply(ctx context.Context, p Runner, arg A, waits bool) (*AsyncResult[R], error) {
	if err := f.admissible(ctx, p); err != nil {
		return nil, err
	}
	j := f.newJob(ctx, p, true)
	result := newAsyncResult[R](j)
	j.sink = &single[R]{result: result, codec: f.codecs.results}
	j.borrows = waits && j.local
	t, _, err := f.encodeTask(ctx, j, 0, nil, &arg)
	if err != nil {
		return nil, err
	}
	if err := p.submitOne(ctx, t); err != nil {
		j.release(0)
		return nil, err
	}
	j.watch()
	return result, nil
}

// Map runs the function on every input, and returns the results in the inputs' order when all tasks have
// ended. When some failed, the error is a *MapError that holds each one's, and their results are zero; the
// others' are there. When ctx ends, what has not ended is cancelled, as in Apply. Inputs are sent in
// batches whose size follows from how long tasks take; nothing is to be tuned. They must not change until Map returns.
func (f *Function[A, R]) Map(ctx context.Context, p Runner, inputs []A) ([]R, error) {
	m, err := f.newMap(ctx, p, len(inputs))
	if err != nil {
		return nil, err
	}
	f.feed(ctx, m, inputs)
	p.end()
	return m.result.Get(context.WithoutCancel(ctx))
}

// MapAsync is Map without the wait for its end: it blocks for a Hosted's manager alone, at most until ctx ends. A
// goroutine, for which the pool's Shutdown and Close wait, reads inputs until the last task is in the pool's
// queue: leave the slice, and what is in it, unchanged until the result is there. Errors: why the pool takes no task at all.
func (f *Function[A, R]) MapAsync(ctx context.Context, p Runner, inputs []A) (*AsyncResult[[]R], error) {
	m, err := f.newMap(ctx, p, len(inputs))
	if err != nil {
		return nil, err
	}
	go func() { // Shutdown and Close wait for it
		defer p.end()
		f.feed(ctx, m, inputs)
	}()
	return m.result, nil
}

// IMap runs the function on every input of a sequence and yields the results in the inputs' order as they
// come. The sequence is read in a goroutine of its own, only a bounded number of inputs ahead of what has
// been taken from the Iterator: it may be endless. When it blocks it cannot be interrupted: a closed
// Iterator leaves it, and it ends at its next yield. A panic in it is raised by Next.
//
// IMap blocks for a Hosted's manager alone, at most until ctx ends, and leaves errors to the Iterator. The context
// governs all tasks. The Iterator must be read to its end or closed.
func (f *Function[A, R]) IMap(ctx context.Context, p Runner, inputs iter.Seq[A]) *Iterator[R] {
	return f.iterate(ctx, p, infallible(inputs), true)
}

// IMapUnordered is IMap with the results in the order in which tasks end. Result.Index tells whose each is.
func (f *Function[A, R]) IMapUnordered(ctx context.Context, p Runner, inputs iter.Seq[A]) *Iterator[R] {
	return f.iterate(ctx, p, infallible(inputs), false)
}

// IMapErr is IMap over a sequence that can fail. An input that comes with an error is not run: the error is
// the result at its place, and reading goes on. (A sequence that cannot go on after an error just ends.)
func (f *Function[A, R]) IMapErr(ctx context.Context, p Runner, inputs iter.Seq2[A, error]) *Iterator[R] {
	return f.iterate(ctx, p, inputs, true)
}

// IMapUnorderedErr is IMapErr with the results in the order in which tasks end.
func (f *Function[A, R]) IMapUnorderedErr(ctx context.Context, p Runner, inputs iter.Seq2[A, error]) *Iterator[R] {
	return f.iterate(ctx, p, inputs, false)
}

func infallible[A any](inputs iter.Seq[A]) iter.Seq2[A, error] {
	return func(yield func(A, error) bool) {
		for input := range inputs {
			if !yield(input, nil) {
				return
			}
		}
	}
}
