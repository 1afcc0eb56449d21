package pool

import (
	"context"
	"fmt"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// job is what one call of a caller makes: one task, or the many of a Map. It is known to the pool's queue and
// links by its tasks, and to its caller by the sink that takes their outcomes.
type job struct {
	pool    Runner
	ctx     context.Context
	entry   *entry
	timeout time.Duration // how long a task may run; 0: for ever
	sink    sink

	// cancelled is why no more of the job's tasks are to run; nil while they are.
	cancelled atomic.Pointer[error]

	// observed is nil while nobody reports or follows the job's progress, and no trace does.
	observed atomic.Pointer[observation]

	// Guarded by the pool's mu: how many of the job's tasks wait in the queue, their encoded size, and
	// whether the one task of a single job was withdrawn from the queue, where its entry still stands.
	queued      int
	queuedBytes int64
	withdrawn   bool

	// Constant; they stand where they take no room of their own.
	single  bool // it has one task
	holds   bool // its arguments may hold proxies
	again   bool // its function was declared idempotent
	local   bool // its pool is one of this process
	shares  bool // its sink takes shared values
	borrows bool // its caller leaves the arguments alone until it has ended
	packs   bool // its tasks may travel as runs; its sink is a runSink then, none is run again, and nobody asks for each one's progress, logs or trace

	retry *Retry // when its tasks are run again; nil: never

	mu       stdsync.Mutex // guards the fields below
	ended    bool
	unwatch  func() bool          // stops watching ctx
	held     map[int][]wire.Token // references held for proxies in arguments under way
	attempts map[int]int          // by task: how many have ended, of tasks that failed and may be run again
}

// task is one call under way: its place in its job and its encoded argument.
type task struct {
	job   *job
	index int
	run   int // of a run: how many tasks it has, the first at index, and arg those of all; 0 for a task that travels alone
	arg   []byte
	raw   bool // arg is not encoded: it is a large []byte, the caller's where the job borrows
}

// outcome is how a task ended. A value lies in memory that is reused: a sink decodes or copies it.
type outcome struct {
	kind  Outcome
	value []byte
	err   error
	// shared: the worker may change value meanwhile; only where the job takes such.
	shared bool
}

// sink takes the outcomes of a job's tasks, each once. It is called by links and must not block.
type sink interface {
	settle(index int, o outcome)
}

func (f *Function[A, R]) newJob(ctx context.Context, p Runner, single bool) *job {
	f.entry.complete()
	timeout := f.timeout
	if timeout == 0 {
		timeout = p.settings().TaskTimeout
	}
	retry := f.retry
	if f.idempotent && retry == nil {
		retry = p.settings().Retry
	}
	_, local := p.(*Pool)
	trace := injectTrace(ctx)
	followed := trace != nil || f.onProgress != nil
	j := &job{
		pool: p, ctx: ctx, entry: f.entry, timeout: max(0, timeout),
		single: single, holds: f.codecs.args.MayHoldProxy(), again: f.idempotent, retry: retry,
		local: local, shares: local && !f.entry.holds,
		packs: local && !single && timeout <= 0 && f.entry.packs() && !followed && retry == nil && p.settings().runs(),
	}
	if followed {
		j.observed.Store(&observation{trace: trace, onProgress: f.onProgress})
	}
	return j
}

// watch cancels the job when its context ends. It is called when its first task is in the queue.
func (j *job) watch() {
	if j.ctx.Done() == nil {
		return
	}
	unwatch := context.AfterFunc(j.ctx, func() { j.cancel(context.Cause(j.ctx)) })
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ended {
		unwatch()
		return
	}
	j.unwatch = unwatch
}

// cancel ends the tasks that have not ended: those that wait at once, those that run as Options.Grace says.
// The first cause stays. It does not wait for them.
func (j *job) cancel(cause error) {
	if !j.cancelled.CompareAndSwap(nil, &cause) {
		return
	}
	j.pool.cancel(j, cause)
	if waits, ok := j.sink.(interface{ wake() }); ok {
		waits.wake()
	}
}

// cause returns why the job was cancelled, nil when it was not.
func (j *job) cause() error {
	if cause := j.cancelled.Load(); cause != nil {
		return *cause
	}
	return nil
}

// finish frees what a job holds of its context. It is called when its last task has ended.
func (j *job) finish() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = true
	if j.unwatch != nil {
		j.unwatch()
	}
}

// encode appends the encoded argument of a job's task to dst, and holds the proxies in it while the task is
// under way.
func encode[A any](ctx context.Context, j *job, codec *wire.Codec[A], index int, dst []byte, arg *A) ([]byte, error) {
	before := len(dst)
	encoded, err := codec.Append(dst, arg)
	if err != nil {
		return dst, fmt.Errorf("pool: %s: cannot encode the argument: %w", j.entry.name, err)
	}
	if size := int64(len(encoded) - before); size > j.pool.settings().MaxPayload {
		return dst, fmt.Errorf("%w: %s: the argument is %d bytes, and at most %d are possible", ErrTaskTooLarge, j.entry.name, size, j.pool.settings().MaxPayload)
	}
	if j.holds {
		if err := j.hold(ctx, index, encoded[before:]); err != nil {
			return dst, err
		}
	}
	return encoded, nil
}

// hold takes a reference for each proxy in an encoded argument, until its task has ended.
func (j *job) hold(ctx context.Context, index int, encoded []byte) error {
	tokens, err := wire.FindTokens(encoded)
	if err != nil || len(tokens) == 0 {
		return err
	}
	if err := wire.Hold(ctx, tokens); err != nil {
		return fmt.Errorf("pool: %s: cannot hold the proxies in the argument: %w", j.entry.name, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held == nil {
		j.held = map[int][]wire.Token{}
	}
	j.held[index] = tokens
	return nil
}

// release lets go of the proxies of a task that has ended.
func (j *job) release(index int) {
	j.mu.Lock()
	tokens := j.held[index]
	delete(j.held, index)
	j.mu.Unlock()
	if len(tokens) > 0 {
		wire.Release(tokens)
	}
}

// settle hands an outcome to the job's caller.
func (j *job) settle(index int, o outcome) {
	if j.holds {
		j.release(index)
	}
	if j.retry != nil {
		o.err = withAttempts(j.forgetAttempts(index), o.err)
	}
	if seen := j.observed.Load(); seen != nil && seen.postpone(index, o) {
		return
	}
	j.sink.settle(index, o)
}

// decode makes a value of an outcome, or its error.
func decode[R any](codec *wire.Codec[R], o outcome) (value R, err error) {
	if o.err != nil {
		return value, o.err
	}
	err = decodeInto(codec, o, &value)
	return value, err
}

// decodeInto decodes the value of an outcome into its place, which is zero after an error.
func decodeInto[R any](codec *wire.Codec[R], o outcome, value *R) error {
	var err error
	if o.shared {
		err = codec.DecodeShared(o.value, value, copies.clone)
	} else {
		err = codec.Decode(o.value, value)
	}
	if err != nil {
		*value = *new(R)
		return fmt.Errorf("pool: cannot decode the result: %w", err)
	}
	return nil
}
