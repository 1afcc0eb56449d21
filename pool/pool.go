package pool

import (
	"context"
	"errors"
	"fmt"
	stdsync "sync"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/spawn"
)

// Pool is a set of worker processes that run registered functions. It is safe for concurrent use. It must be
// ended by Shutdown or Close; a program that ends without either has it closed by spawn.Main.
type Pool struct {
	options         *Options
	size            atomic.Int64      // how many workers are kept at most: Options.Workers, or what Resize has said
	starting        atomic.Int64      // workers that are being started, not counting spares
	ahead           atomic.Int64      // sum of how many tasks the links may send ahead
	successorsReady atomic.Int64      // len(ready)
	wanted          chan struct{}     // wakes whoever starts successors
	seating         stdsync.WaitGroup // goroutines of seats and of what else lives as long
	finalizer       *finalize.Finalizer
	events          events   // for OnWorker
	cgroups         *cgroups // nil unless the kernel limits the workers' memory
	notReady        error    // of a worker that takes longer than StartTimeout

	logsDropped atomic.Uint64 // log records of workers that are known not to have been forwarded

	lifetime context.Context // ends when the pool is to end
	stop     context.CancelCauseFunc
	quiet    chan struct{} // closed when nothing is pending after Shutdown was asked for
	started  chan struct{} // closed at the first worker's Hello
	ended    chan struct{} // closed when every worker is gone

	mu         stdsync.Mutex // guards the fields below
	state      state
	reason     error // why tasks are refused, when they are
	queue      deque[task]
	withdrawn  int // entries in queue whose job was cancelled
	queued     int // tasks admitted and not sent, and their encoded size
	bytes      int64
	reserved   int // part of queued: room given to submissions that have not taken it yet
	inflight   int
	waiters    []*waiter
	idle       []*link       // longest idle first
	seats      []*seat       // by number; it grows, and nothing in it changes
	seated     bool          // no more seats are made
	filled     int           // seats that have a worker or are to have one
	vacant     []*seat       // those that have none until a task waits
	called     int           // of the filled: their workers were called by tasks that wait, and are not there yet
	ready      []*link       // spares and successors that wait for a seat
	due        int           // workers that leave when they have successors
	processes  int           // of workers, from before their start to their exit
	feeders    int           // Maps and Iterators that still submit
	callbacks  int           // callbacks that run
	unawaited  bool          // they were waited for in vain
	calledBack *stdsync.Cond // one has returned
	outcomes   [outcomeKinds]uint64
	submitted  uint64
	retries    uint64                 // attempts after the first
	resting    map[*job]map[int]*rest // tasks that wait for their next attempt, part of inflight
	rests      int                    // how many
	failures   int                    // starts in a row without a Hello, and those of them that somebody killed
	kills      int
	useless    int // workers in a row that used too much memory without running a task
	living     int // workers that said Hello
	wasQuiet   bool
}

type state uint8

const (
	open     state = iota
	draining       // what was submitted is run, nothing new is taken
	closed
)

// New starts a pool and returns when its first worker is ready; the others follow. A nil o means the
// defaults. The context bounds the start alone. Errors: every fault of o in one, but for what is wrong with the
// directory Cgroup, which is looked at when there is no other; ErrPoolBroken with the start error of a worker;
// spawn.ErrNotInitialized in a program that did not call spawn.Main; context.Cause(ctx). After an error
// nothing is left running, unless Options.OnWorker has not returned within Options.Grace.
func New(ctx context.Context, o *Options) (*Pool, error) {
	options, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if !spawn.Initialized() {
		return nil, fmt.Errorf("pool: %w", spawn.ErrNotInitialized)
	}
	functions.seal()
	p := &Pool{
		options:  options,
		notReady: fmt.Errorf("%w, which is %v", errNotReady, options.StartTimeout),
		quiet:    make(chan struct{}),
		started:  make(chan struct{}),
		ended:    make(chan struct{}),
		wanted:   make(chan struct{}, 1),
	}
	if err := p.openCgroups(); err != nil {
		return nil, err
	}
	p.calledBack = stdsync.NewCond(&p.mu)
	p.lifetime, p.stop = context.WithCancelCause(context.Background())
	p.finalizer = finalize.Register(finalize.PriorityPool, func(ctx context.Context) error {
		p.terminate(ErrClosed)
		return p.awaitCallbacks(ctx)
	})
	p.announceMemory()
	p.start()
	select {
	case <-p.started:
		return p, nil
	case <-p.ended:
		err = p.refusal()
	case <-ctx.Done():
		err = fmt.Errorf("pool: no worker was ready in time: %w", context.Cause(ctx))
	}
	return nil, errors.Join(err, p.cutShort())
}

// start has seats filled, until the pool ends.
func (p *Pool) start() {
	p.seating.Add(1) // until no more seats are made
	p.mu.Lock()
	p.growLocked(p.options.Workers)
	p.mu.Unlock()
	p.startReserves()
	if p.options.IdleTimeout > 0 {
		p.seating.Go(p.shrink)
	}
	go func() { // ends when the pool does and every seat has ended; Close waits for it
		defer close(p.ended)
		<-p.lifetime.Done()
		p.mu.Lock()
		p.seated = true
		p.mu.Unlock()
		p.seating.Done()
		p.seating.Wait()
	}()
}

// Shutdown ends the pool in good order: no new tasks are taken, those submitted are run, the inputs of Maps
// and Iterators are read to their end, and the workers leave. When ctx ends first, what is left is ended as
// by Close, and the error wraps the context's cause. It blocks until no process of the pool is left and every callback has
// returned; one that has not when ctx ends, or Options.Grace after what was left then was ended, is left alone, and told of in
// the error. The error of a pool that broke wraps ErrPoolBroken. It may be called more than once and from any goroutine.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	if p.state == open {
		p.state, p.reason = draining, ErrClosed
	}
	p.checkQuietLocked()
	p.mu.Unlock()
	select {
	case <-p.quiet:
		p.stop(nil)
	case <-p.ended:
	case <-ctx.Done():
	}
	select {
	case <-p.ended:
		return p.finish(ctx)
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("pool: shutdown was cut short: %w", context.Cause(ctx)), p.cutShort())
	}
}

// cutShort ends the pool at once, for somebody who does not wait for callbacks without an end.
func (p *Pool) cutShort() error {
	p.terminate(ErrClosed)
	ctx, cancel := context.WithTimeout(context.Background(), p.options.Grace)
	defer cancel()
	return p.awaitCallbacks(ctx)
}

// Close ends the pool at once: tasks that wait fail with ErrClosed, running ones are cancelled and, as
// Options.Grace says, ended with their workers. It blocks until no process of the pool is left and every callback
// has returned: give Shutdown a context with an end where one may not. After Shutdown it does nothing. It always returns nil,
// and may be called more than once and from any goroutine.
func (p *Pool) Close() error {
	p.terminate(ErrClosed)
	p.mu.Lock()
	unawaited := p.unawaited
	p.mu.Unlock()
	if !unawaited {
		_ = p.awaitCallbacks(context.Background())
	}
	return nil // a pool that broke has told so to those who used it
}

// terminate ends the pool but for its callbacks.
func (p *Pool) terminate(reason error) {
	p.abandon(reason)
	p.stop(reason)
	<-p.ended
	p.finalizer.Cancel()
}

// finish waits for callbacks when the pool has ended, and withdraws it from the finalizers.
func (p *Pool) finish(ctx context.Context) error {
	p.finalizer.Cancel()
	if err := p.awaitCallbacks(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(p.reason, ErrPoolBroken) {
		return p.reason
	}
	return nil
}

// awaitCallbacks waits until every callback has returned, or ctx ends.
func (p *Pool) awaitCallbacks(ctx context.Context) error {
	unwatch := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.calledBack.Broadcast()
	})
	defer unwatch()
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.callbacks > 0 && ctx.Err() == nil {
		p.calledBack.Wait()
	}
	if p.callbacks > 0 {
		p.unawaited = true
		return fmt.Errorf("pool: a callback has not returned: %w", context.Cause(ctx))
	}
	return nil
}

// abandon refuses new tasks and fails those that wait.
func (p *Pool) abandon(reason error) {
	p.mu.Lock()
	if p.state != closed {
		p.state, p.reason = closed, reason
	}
	var dropped []task
	for p.queue.len() > 0 {
		if t, ok := p.popLocked(); ok {
			dropped = append(dropped, t)
		}
	}
	dropped = append(dropped, p.unrestAllLocked()...)
	p.outcomes[Abandoned] += uint64(tally(dropped))
	for _, w := range p.waiters {
		w.err = p.reason
		close(w.granted)
	}
	p.waiters = nil
	reason = p.reason
	p.checkQuietLocked()
	p.mu.Unlock()
	for _, t := range dropped {
		t.settle(outcome{kind: Abandoned, err: reason})
	}
}

// fallen ends the pool because its workers cannot be started.
func (p *Pool) fallen(err error) error {
	broken := fmt.Errorf("%w: %w", ErrPoolBroken, err)
	p.abandon(broken)
	p.stop(broken)
	return broken
}

// admissible reports why a new call is refused, nil when it is not.
func (p *Pool) admissible(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.refusal()
}

// refusal returns why the pool takes no tasks, nil while it does.
func (p *Pool) refusal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// begin announces a source of many tasks, which Shutdown lets come to its end. It returns why it is too late for that.
func (p *Pool) begin(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != open {
		return p.reason
	}
	p.feeders++
	return nil
}

// end withdraws what begin announced.
func (p *Pool) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.feeders--
	p.checkQuietLocked()
}

// checkQuietLocked notices that a pool that takes no more tasks has none left.
func (p *Pool) checkQuietLocked() {
	if p.state != open && p.queued == 0 && p.inflight == 0 && p.feeders == 0 && !p.wasQuiet {
		p.wasQuiet = true
		close(p.quiet)
	}
}

// callback runs fn in a goroutine that Shutdown and Close wait for.
func (p *Pool) callback(fn func()) {
	p.mu.Lock()
	p.callbacks++
	p.mu.Unlock()
	go func() {
		defer func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.callbacks--
			p.calledBack.Broadcast()
		}()
		fn()
	}()
}

// readAhead is how many inputs of an Iterator may be under way or not yet taken: a few for each worker, more
// while tasks are so short that links send many ahead.
func (p *Pool) readAhead() int { return 2*int(p.size.Load()) + 2*int(p.ahead.Load()) }
