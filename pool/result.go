package pool

import (
	"context"
	"errors"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/wire"
)

// AsyncResult is the result to come of ApplyAsync or MapAsync. It is safe for concurrent use. Nothing needs
// to be closed: a result that nobody asks for is dropped.
type AsyncResult[R any] struct {
	job *job

	mu        stdsync.Mutex // guards the fields below
	settled   bool
	done      chan struct{} // made when first asked for; closed when settled
	callbacks []func(R, error)
	value     R
	err       error
}

func newAsyncResult[R any](j *job) *AsyncResult[R] { return &AsyncResult[R]{job: j} }

// Done returns a channel that is closed when the result is there.
func (r *AsyncResult[R]) Done() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done == nil {
		r.done = make(chan struct{})
		if r.settled {
			close(r.done)
		}
	}
	return r.done
}

// Get blocks until the result is there, and returns it; or until ctx ends, and returns its cause: the task
// goes on then, and Get may be called again.
func (r *AsyncResult[R]) Get(ctx context.Context) (R, error) {
	if err := r.Wait(ctx); err != nil {
		var zero R
		return zero, err
	}
	return r.value, r.err
}

// Wait blocks until the result is there, and returns nil; or until ctx ends, and returns its cause. It says
// nothing of whether the task succeeded.
func (r *AsyncResult[R]) Wait(ctx context.Context) error {
	if r.Ready() {
		return nil
	}
	select {
	case <-r.Done():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Ready reports whether the result is there. It does not block.
func (r *AsyncResult[R]) Ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.settled
}

// ErrNotReady is returned by Successful while the task has not ended.
var ErrNotReady = errors.New("pool: the result is not there yet")

// Successful reports whether the task ended without an error. It does not block; before the task has ended
// its error is ErrNotReady.
func (r *AsyncResult[R]) Successful() (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.settled {
		return false, ErrNotReady
	}
	return r.err == nil, nil
}

// Cancel ends what has not ended: a task that waits never runs; the context of one that runs is cancelled,
// and a worker that takes no notice is ended as Options.Grace says. The result's error then wraps
// context.Canceled; a value that came all the same is kept. Cancel does not wait.
func (r *AsyncResult[R]) Cancel() { r.job.cancel(errCancelled) }

// OnDone calls fn, in a goroutine of its own, when the result is there: at once when it is already. The
// pool's Shutdown and Close wait for it, so fn must not call those.
func (r *AsyncResult[R]) OnDone(fn func(R, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled {
		r.job.pool.callback(func() { fn(r.value, r.err) })
		return
	}
	r.callbacks = append(r.callbacks, fn)
}

// settle sets the result, once.
func (r *AsyncResult[R]) settle(value R, err error) {
	r.job.finish()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value, r.err, r.settled = value, err, true
	if r.done != nil {
		close(r.done)
	}
	for _, fn := range r.callbacks {
		r.job.pool.callback(func() { fn(value, err) })
	}
	r.callbacks = nil
}

// single is the sink of a job of one task.
type single[R any] struct {
	result *AsyncResult[R]
	codec  *wire.Codec[R]
}

func (s *single[R]) settle(_ int, o outcome) {
	if o.err == nil && s.codec.MayHoldProxy() { // adopting a proxy may wait for its manager
		kept := outcome{kind: o.kind, value: append([]byte(nil), o.value...)}
		s.result.job.pool.callback(func() { s.result.settle(decode(s.codec, kept)) })
		return
	}
	s.result.settle(decode(s.codec, o))
}
