package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/wire"
)

// life is the time that a child has: its context, how it ends, and how long that may take.
type life struct {
	name     string
	grace    time.Duration
	ctx      context.Context
	cancel   context.CancelCauseFunc
	draining chan struct{}
	orders   atomic.Pointer[func([]byte)] // Child.Orders
	lifeline *wire.Conn                   // nil where the child outlives its parent
	unheard  atomic.Bool                  // the parent has not taken the answer

	finishing sync.Once

	mu    sync.Mutex // guards the fields below
	cause error      // why the end has begun, or nil
	since time.Time  // when it began
}

func newLife(name string, grace time.Duration) *life {
	l := &life{name: name, grace: grace, draining: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancelCause(withDraining(context.Background(), l.draining))
	return l
}

// end begins the end: the role's context is done, and the role has the grace period. Only the first call counts.
func (l *life) end(cause error) {
	l.mu.Lock()
	first := l.cause == nil
	if first {
		l.cause, l.since = cause, time.Now()
	}
	l.mu.Unlock()
	if !first {
		return
	}
	close(l.draining)
	l.cancel(cause)
	// The role gets three quarters of the time; what is left is for the finalizers, should it not return.
	time.AfterFunc(l.grace-l.grace/4, func() { l.finish(l.overdue(cause)) })
}

func (l *life) overdue(cause error) error {
	return &overdueError{cause: cause, err: fmt.Errorf("did not return within %v: %w", l.grace-l.grace/4, cause)}
}

// overdueError is the end of a child that did not heed its context.
type overdueError struct{ cause, err error }

func (e *overdueError) Error() string { return e.err.Error() }
func (e *overdueError) Unwrap() error { return e.cause }

// ended returns why and when the end began; why is nil if it has not.
func (l *life) ended() (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since, l.cause
}

// finish runs the finalizers and exits. It never returns: a second caller waits for the first one's exit.
func (l *life) finish(err error) {
	l.finishing.Do(func() {
		since, cause := l.ended()
		if cause == nil {
			since = time.Now()
		}
		deadline := since.Add(l.grace)
		code, message := childStatus(err, cause)
		// A finalizer that hangs in the kernel, or in cgo, does not keep the process.
		late := max(code, 1)
		hard := time.AfterFunc(time.Until(deadline), func() { os.Exit(late) })
		if message != "" {
			fmt.Fprintf(os.Stderr, "%s: %s\n", l.name, message)
		}
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		if err := finalize.Run(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "%s: finalizers: %v\n", l.name, err)
			code = max(code, 1)
		}
		if errors.Is(cause, ErrParentLost) || l.orphaned(deadline) {
			l.sweepOwn(ctx)
		}
		hard.Stop() // exiting takes a second under the race detector, and may under coverage
		os.Exit(code)
	})
}

// unheardPatience is how long a child whose answer was not taken waits at its exit to be killed, or to see its parent gone.
const unheardPatience = time.Second

// orphaned reports whether the parent is gone, though the lifeline was not read to its end yet, or something else has ended the child
// before: nobody else may be left to sweep then. A parent that does not take the answer is either dying, with some of its
// descriptors closed and others not, or has given the start up and is about to kill the child.
func (l *life) orphaned(deadline time.Time) bool {
	if l.lifeline == nil {
		return false
	}
	wait := time.Duration(0)
	if l.unheard.Load() {
		wait = min(unheardPatience, time.Until(deadline)/2)
	}
	return hungUp(l.lifeline, wait)
}

// sweepOwn kills what this process has started, as its parent would do after its exit, were that still there.
func (l *life) sweepOwn(ctx context.Context) {
	tree := finalize.Tree{Marks: []string{finalize.OwnMark()}, Groups: []int{os.Getpid()}}
	if _, err := tree.Kill(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", l.name, err)
	}
}

// childStatus is the exit status that a role's error means, and what to write to stderr. Having given up because the
// parent said so is no failure.
func childStatus(err, cause error) (code int, message string) {
	if cause != nil && err != nil && gaveUp(err) {
		var signalled *SignalError
		switch {
		case errors.Is(cause, ErrStopRequested):
			return 0, ""
		case errors.As(cause, &signalled):
			return signalled.ExitCode(), ""
		default:
			return 1, ""
		}
	}
	return exitStatus(err)
}

// gaveUp reports whether err says no more than that the context had ended.
func gaveUp(err error) bool {
	var late *overdueError
	if errors.As(err, &late) {
		return false
	}
	var signalled *SignalError
	return errors.Is(err, context.Canceled) || errors.As(err, &signalled) ||
		errors.Is(err, ErrStopRequested) || errors.Is(err, ErrParentLost)
}
