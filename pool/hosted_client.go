package pool

import (
	"context"
	"errors"
	"fmt"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/manager"
)

// hosting is the client's end of a handle of a hosted pool: what it has submitted, and the one call that waits for
// outcomes while there is any. attachment is the other end.
type hosting struct {
	proxy *manager.Proxy // for the pool
	turn  chan struct{}  // holds a token; who takes it may attach
	at    atomic.Pointer[attached]

	lifetime context.Context // ends when the handle is closed
	stop     context.CancelCauseFunc

	mu         stdsync.Mutex // guards the fields below
	idle       stdsync.Cond  // there are no callbacks
	room       stdsync.Cond  // the stream has room, or the handle is closed
	jobs       map[*job]*remoteJob
	numbers    map[uint64]*remoteJob
	last       uint64
	listening  bool
	untake     context.CancelFunc // of the call that waits for outcomes; nil without one
	streaming  bool
	stream     []task // of Iterators, on their way to be submitted
	streamSize int
	callbacks  int
}

// attached is what attaching to the pool has given.
type attached struct {
	proxy   *manager.Proxy // for the attachment
	options *Options
	ahead   atomic.Int64
	largest int64 // bytes of one message
}

// remoteJob is a job that has tasks in the hosted pool.
type remoteJob struct {
	*job
	number  uint64
	pending map[int]struct{} // tasks that were submitted, or are about to be, and have not ended
	sending map[*func()]struct{}
}

func newHosting(p *manager.Proxy) *hosting {
	h := &hosting{
		proxy: p, turn: make(chan struct{}, 1),
		jobs: map[*job]*remoteJob{}, numbers: map[uint64]*remoteJob{},
	}
	h.turn <- struct{}{}
	h.idle.L, h.room.L = &h.mu, &h.mu
	h.lifetime, h.stop = context.WithCancelCause(context.Background())
	return h
}

// attach makes the attachment at the first use.
func (h *hosting) attach(ctx context.Context) (*attached, error) {
	if a := h.at.Load(); a != nil {
		return a, nil
	}
	select {
	case <-h.turn:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { h.turn <- struct{}{} }()
	if a := h.at.Load(); a != nil {
		return a, nil
	}
	a, err := h.attachNow(ctx)
	if err != nil {
		return nil, fmt.Errorf("pool: cannot use the hosted pool: %w", fromHost(err))
	}
	h.at.Store(a)
	if h.lifetime.Err() != nil { // it was closed meanwhile
		return nil, errors.Join(ErrClosed, a.proxy.Close())
	}
	return a, nil
}

func (h *hosting) attachNow(ctx context.Context) (*attached, error) {
	id, err := buildID()
	if err != nil {
		return nil, err
	}
	p, err := h.proxy.InvokeProxy(ctx, methodAttach, id)
	if err != nil {
		return nil, err
	}
	own, err := h.proxy.Manager()
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	reply, err := p.Invoke(ctx, methodSettings, msgp.AppendInt64(nil, own.MaxMessage()))
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	r := newReader(reply)
	r.Array()
	a := &attached{proxy: p, options: &Options{TaskTimeout: time.Duration(r.Int64()), MaxPayload: r.Int64(), ResultBytes: r.Int64()}}
	a.ahead.Store(r.Int64())
	a.largest = r.Int64()
	if err := r.End(); err != nil {
		return nil, errors.Join(errHostedMessage, err, p.Close())
	}
	return a, nil
}

// unattached are the settings of a pool that cannot be asked.
var unattached = &Options{MaxPayload: DefaultMaxPayload, ResultBytes: DefaultResultBytes}

func (h *hosting) settings() *Options {
	if a := h.at.Load(); a != nil {
		return a.options
	}
	return unattached
}

func (h *hosting) readAhead() int {
	if a := h.at.Load(); a != nil {
		return int(a.ahead.Load())
	}
	return 1
}

func (h *hosting) admissible(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if h.lifetime.Err() != nil {
		return context.Cause(h.lifetime)
	}
	_, err := h.attach(ctx)
	return err
}

// invoke calls a method of the pool.
func (h *hosting) invoke(ctx context.Context, method string) ([]byte, error) {
	reply, err := h.proxy.Invoke(ctx, method, nil)
	if err != nil {
		return nil, fmt.Errorf("pool: %s: %w", method, fromHost(err))
	}
	return reply, nil
}

func (h *hosting) begin(ctx context.Context) error {
	a, err := h.attach(ctx)
	if err != nil {
		return err
	}
	_, err = a.proxy.Invoke(ctx, methodBegin, nil)
	return fromHost(err)
}

func (h *hosting) end() { h.tell(methodEnd, nil) }

// cancel asks the pool to end the tasks of a job. One that is being submitted is asked for afterwards.
func (h *hosting) cancel(j *job, _ error) {
	h.mu.Lock()
	h.room.Broadcast() // the job's Iterator may wait to send more
	r := h.jobs[j]
	if r == nil {
		h.mu.Unlock()
		return
	}
	busy := len(r.sending) > 0
	for abort := range r.sending {
		(*abort)()
	}
	h.mu.Unlock()
	if !busy {
		h.tellCancel(r)
	}
}

// tellCancel asks the pool to end the tasks of a job. Their callers wait for that, so a manager that does not answer at
// once is asked for a verdict, and lost when it says nothing.
func (h *hosting) tellCancel(r *remoteJob) {
	a := h.at.Load()
	if a == nil {
		return
	}
	h.callback(func() {
		ctx, stop := context.WithTimeout(h.lifetime, answerTime)
		defer stop()
		_, _ = a.proxy.Invoke(ctx, methodCancel, msgp.AppendUint64(nil, r.number))
	})
}

// answerTime is how long the manager may take to answer what it answers at once, before it is asked for its verdict.
const answerTime = time.Second

// tell calls a method of the attachment whose answer does not matter: an attachment that is gone needs telling nothing.
func (h *hosting) tell(method string, argument []byte) {
	a := h.at.Load()
	if a == nil {
		return
	}
	h.callback(func() { _, _ = a.proxy.Invoke(h.lifetime, method, argument) })
}

// callback runs fn in a goroutine that awaitCallbacks waits for.
func (h *hosting) callback(fn func()) {
	h.mu.Lock()
	h.callbacks++
	h.mu.Unlock()
	go func() {
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.callbacks--
			h.idle.Broadcast()
		}()
		fn()
	}()
}

// awaitCallbacks blocks until no callback runs, or ctx ends.
func (h *hosting) awaitCallbacks(ctx context.Context) error {
	unwatch := context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.idle.Broadcast()
	})
	defer unwatch()
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.callbacks > 0 && ctx.Err() == nil {
		h.idle.Wait()
	}
	if h.callbacks > 0 {
		return fmt.Errorf("pool: a callback has not returned: %w", context.Cause(ctx))
	}
	return nil
}

// close lets go of everything. What is pending ends with ErrClosed.
func (h *hosting) close() {
	h.stop(ErrClosed)
	_ = h.proxy.Close() // it always returns nil, as does the other
	if a := h.at.Load(); a != nil {
		_ = a.proxy.Close()
	}
	h.fail(ErrClosed)
}

// fromHost makes of an error that the pool's object answered with what it would be here: an error of the pool, and not
// of a task.
func fromHost(err error) error {
	var remote *RemoteError
	if errors.As(err, &remote) {
		return &hostError{remote}
	}
	return err
}
