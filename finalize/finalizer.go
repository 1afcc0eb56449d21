package finalize

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
)

// Priorities of what this module registers, in the order in which [Run] gets to
// them. Where CPython's multiprocessing has a priority for the same thing, the
// number is the same. Programs may use any number.
const (
	PriorityPool    = 15   // worker pools, which need their processes and managers
	PriorityManager = 0    // manager processes, which shared objects live in
	PriorityProcess = -10  // whatever child process is left
	PriorityFiles   = -100 // temporary folders and socket files
)

// A Finalizer is a function that is called at most once, by [Run] or earlier by
// [Finalizer.Call]. Its methods are safe for concurrent use.
type Finalizer struct {
	registry *Registry
	priority int
	sequence uint64        // of registration
	caller   uintptr       // program counter of the registration
	done     chan struct{} // closed when fn has returned

	// guarded by registry.mu
	fn      func(context.Context) error // nil once called or cancelled
	state   state
	visited uint64 // the last round of Run that got to this finalizer

	err error // fn's outcome; written before done is closed
}

type state int

const (
	active state = iota
	called
	cancelled
)

// Register adds fn to the process-wide registry that [Run] works through, and
// returns the handle of it. It does not block. A nil fn panics.
//
// The context that fn gets bounds it: fn should return when it ends. It may have
// ended from the start, and fn should then do what can be done without waiting.
func Register(priority int, fn func(context.Context) error) *Finalizer {
	return processWide.register(priority, fn)
}

// Call runs the finalizer, unless it was called or cancelled before, and returns
// its error, or a [*PanicError]. The function is called in a goroutine of its own
// with ctx, even if that has ended.
//
// Later and concurrent calls wait for the first one and return the same error,
// without regard to the first one's context. A call whose ctx ends returns
// [ErrAbandoned] together with the context's cause, shortly after, if the
// finalizer has not returned by then; it goes on nevertheless. Call returns nil
// at once for a finalizer that was cancelled. A finalizer must not call itself.
func (f *Finalizer) Call(ctx context.Context) error {
	fn, ok := f.begin()
	if !ok {
		return nil
	}
	if fn != nil {
		go guard(ctx, fn, f.finish)
	}
	if _, came := await(ctx, f.done); !came {
		return abandoned(ctx)
	}
	return f.err
}

// Cancel takes the finalizer out of its registry and releases what its function
// holds. It reports whether the finalizer was still active: if so, the function
// will never be called. It does not block, nor wait for a call in progress.
func (f *Finalizer) Cancel() bool {
	f.registry.mu.Lock()
	defer f.registry.mu.Unlock()
	if f.state != active {
		return false
	}
	f.state, f.fn = cancelled, nil
	f.registry.removeLocked(f)
	return true
}

// Active reports whether the finalizer has been neither called nor cancelled.
func (f *Finalizer) Active() bool {
	f.registry.mu.Lock()
	defer f.registry.mu.Unlock()
	return f.state == active
}

// begin returns the function to the first caller and nil to the later ones. It
// returns false for a finalizer that was cancelled.
func (f *Finalizer) begin() (fn func(context.Context) error, ok bool) {
	f.registry.mu.Lock()
	defer f.registry.mu.Unlock()
	if f.state == cancelled {
		return nil, false
	}
	fn, f.fn, f.state = f.fn, nil, called
	return fn, true
}

// finish takes the function's outcome. Until then the finalizer stays in its
// registry, so that Run waits for one that is being called elsewhere.
func (f *Finalizer) finish(err error) {
	f.registry.mu.Lock()
	defer f.registry.mu.Unlock()
	f.registry.removeLocked(f)
	f.err = err
	close(f.done)
}

// describe wraps an error of the finalizer with the place of its registration.
func (f *Finalizer) describe(err error) error {
	if err == nil {
		return nil
	}
	frame, _ := runtime.CallersFrames([]uintptr{f.caller}).Next()
	return fmt.Errorf("finalizer registered at %s:%d: %w", frame.File, frame.Line, err)
}

// compare orders finalizers so that the next to run is the greatest: highest
// priority first, and within one priority the one that was registered last.
func compare(a, b *Finalizer) int {
	return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.sequence, b.sequence))
}

// insert adds f to a list in order.
func insert(list []*Finalizer, f *Finalizer) []*Finalizer {
	at, _ := slices.BinarySearchFunc(list, f, compare)
	return slices.Insert(list, at, f)
}

// remove takes f out of a list in order, if it is there.
func remove(list []*Finalizer, f *Finalizer) []*Finalizer {
	at, found := slices.BinarySearchFunc(list, f, compare)
	if !found {
		return list
	}
	return slices.Delete(list, at, at+1)
}
