package finalize

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// ErrAbandoned reports a function that had not returned when its time was up,
// and that was left running.
var ErrAbandoned = errors.New("did not return in time and was left running")

// A PanicError is the panic of a finalizer, of an after-fork hook or of a
// ladder's Ask.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // the stack of the goroutine that panicked
}

// Error describes the panic in one line, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value passed to panic if that was an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// returnTime is how long a function has to return once its context has ended,
// before it is abandoned.
const returnTime = 50 * time.Millisecond

// guard calls fn and passes its outcome to deliver, exactly once, also when fn
// panics or ends its goroutine (as testing's FailNow does).
func guard(ctx context.Context, fn func(context.Context) error, deliver func(error)) {
	var (
		err      error
		returned bool
	)
	defer func() {
		if !returned {
			value := recover()
			if value == nil {
				value = "runtime.Goexit called"
			}
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
		deliver(err)
	}()
	err = fn(ctx)
	returned = true
}

// start calls fn in a goroutine of its own and returns a channel that delivers
// the outcome once. The goroutine ends when fn returns, whether or not anybody
// still listens.
func start(ctx context.Context, fn func(context.Context) error) <-chan error {
	outcome := make(chan error, 1)
	go guard(ctx, fn, func(err error) { outcome <- err })
	return outcome
}

// await waits for an event until ctx ends, and returnTime longer. It reports
// whether the event came.
func await[T any](ctx context.Context, event <-chan T) (value T, came bool) {
	select {
	case value = <-event:
		return value, true
	case <-ctx.Done():
	}
	timer := time.NewTimer(returnTime)
	defer timer.Stop()
	select {
	case value = <-event:
		return value, true
	case <-timer.C:
		return value, false
	}
}

// abandoned is the error for a function that ctx was too short for.
func abandoned(ctx context.Context) error {
	return fmt.Errorf("%w: %w", ErrAbandoned, context.Cause(ctx))
}
