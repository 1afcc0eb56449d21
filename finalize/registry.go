package finalize

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// DefaultTimeout bounds each finalizer when [Run]'s context has no deadline.
const DefaultTimeout = 10 * time.Second

// A Registry holds finalizers. The package's [Register] and [Run] use one for the
// whole process; a Registry of its own serves a part of a program that ends on
// its own, and tests. The zero value is empty and ready. Its methods are safe for
// concurrent use. A Registry must not be copied.
type Registry struct {
	mu       sync.Mutex // guards the fields below
	list     []*Finalizer
	sequence uint64
	round    uint64
	turn     chan struct{} // holds a value while nobody runs; made by the first Run
}

var processWide Registry

// Register adds fn as the package's [Register] does.
func (r *Registry) Register(priority int, fn func(context.Context) error) *Finalizer {
	return r.register(priority, fn)
}

// register is one call below the exported function whose caller it remembers.
func (r *Registry) register(priority int, fn func(context.Context) error) *Finalizer {
	if fn == nil {
		panic("finalize: Register with a nil function")
	}
	var caller [1]uintptr
	runtime.Callers(3, caller[:])
	f := &Finalizer{
		registry: r, priority: priority, caller: caller[0], fn: fn,
		done: make(chan struct{}),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sequence++
	f.sequence = r.sequence
	r.list = insert(r.list, f)
	return f
}

// Run calls every finalizer of the process, as [Registry.Run] does. A program
// calls it once, last thing before it exits; package spawn does so for programs
// that use it.
func Run(ctx context.Context) error { return processWide.Run(ctx) }

// Run calls every active finalizer, one after the other, by descending priority
// and within one priority the last registered first, and returns their errors
// joined, each with the place of its registration. Those registered meanwhile
// run as well, in their place among the rest.
//
// Each may take half of the time that is left until ctx's deadline, and the last
// one all of it; without a deadline each may take [DefaultTimeout]. One that has
// not returned shortly after is left running, which is reported by
// [ErrAbandoned]. When ctx ends, the finalizers that were there at the beginning
// still get called, with a context that has ended, and have a moment (50 ms each)
// to return: Run may overrun ctx by that much.
//
// A finalizer that is being called elsewhere is waited for in its turn. A second
// Run waits for the first one, or until its ctx ends, and then runs what is left,
// usually nothing: so a finalizer must not call Run.
func (r *Registry) Run(ctx context.Context) error {
	turn := r.takeTurn()
	if _, came := await(ctx, turn); !came {
		return fmt.Errorf("finalize: waiting for another Run: %w", context.Cause(ctx))
	}
	defer func() { turn <- struct{}{} }()
	first := r.beginRound()
	var errs []error
	for {
		f, last := r.next(first, ctx.Err() != nil)
		if f == nil {
			return errors.Join(errs...)
		}
		if err := f.callWithin(ctx, last); err != nil {
			errs = append(errs, f.describe(err))
		}
	}
}

// callWithin calls the finalizer with its share of ctx's time.
func (f *Finalizer) callWithin(ctx context.Context, last bool) error {
	share := DefaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		share = time.Until(deadline)
		if !last {
			share /= 2
		}
	}
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	return f.Call(ctx)
}

// takeTurn returns the channel whose one value is the right to run.
func (r *Registry) takeTurn() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.turn == nil {
		r.turn = make(chan struct{}, 1)
		r.turn <- struct{}{}
	}
	return r.turn
}

// beginRound starts a round in which every finalizer is visited once. It returns
// the sequence number of the last finalizer that is there.
func (r *Registry) beginRound() (newest uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.round++
	return r.sequence
}

// next visits the next finalizer of this round, or returns nil, and reports
// whether it is the last one. When time is up, it passes over finalizers that
// were registered after the newest: a finalizer that registers another one each
// time cannot keep Run from returning.
func (r *Registry) next(newest uint64, timeUp bool) (f *Finalizer, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.list) - 1; i >= 0; i-- {
		candidate := r.list[i]
		if candidate.visited == r.round || timeUp && candidate.sequence > newest {
			continue
		}
		if f != nil {
			return f, false
		}
		f = candidate
		f.visited = r.round
	}
	return f, true
}

func (r *Registry) removeLocked(f *Finalizer) { r.list = remove(r.list, f) }
