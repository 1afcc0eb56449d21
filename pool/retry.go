package pool

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Defaults of Retry.
const (
	DefaultRetryAttempts = 3
	DefaultRetryInitial  = 100 * time.Millisecond
	DefaultRetryMax      = 10 * time.Second
	DefaultRetryFactor   = 2.0
)

// Retry says which tasks are run again, how often and when. It concerns only functions of which the caller has said, by
// Function.Idempotent or Function.WithRetry, that they may run more than once for one call: a task that was lost may have
// done its work before. The zero value means the defaults.
//
// An attempt begins only when nothing of the one before is left: where that one ended with its worker, or timed out, the
// worker and all that it had started are gone. The task then waits in the pool for its back-off, in which it can be cancelled,
// and goes to the head of the queue. Shutdown waits for tasks that are to be run again; Close does not run them.
type Retry struct {
	// Attempts is how many times a task may be run, with the first. Default: DefaultRetryAttempts.
	Attempts int

	// On lists the outcomes after which a task is run again: any of Lost, TimedOut, OutOfMemory and Failed. Default: Lost.
	On []Outcome

	// If, where it is set, is asked of each error with such an outcome, and the task is run again if it says true. It is
	// called in this process by the pool's own goroutines, by several at once: it must return soon, and must not use the
	// pool. It does not travel, so for a Hosted it is refused. Default: every error.
	If func(error) bool

	// Before the second attempt the task waits for Initial, before each further one Factor times as long as before that,
	// but no longer than Max; in fact it is between half of that and all of it, at random, so that tasks which failed
	// together do not come back together. Defaults: DefaultRetryInitial, DefaultRetryMax (or Initial, if that is
	// longer), DefaultRetryFactor.
	Initial, Max time.Duration
	Factor       float64
}

// RetryError is the error of a task that was run more than once, and did not return a value in the end. errors.Is and
// errors.As look at the error of the last attempt, or at why there was no further one.
type RetryError struct {
	Attempts int   // how many times the task was run, at least 2
	Err      error // what came of the last attempt; of a task that was cancelled while it waited for one, the cause
}

// Error says how often the task was run, and the last error.
func (e *RetryError) Error() string {
	return fmt.Sprintf("pool: after %d attempts: %v", e.Attempts, e.Err)
}

// Unwrap returns the last error.
func (e *RetryError) Unwrap() error { return e.Err }

// withAttempts wraps the error of a task that was run more than once.
func withAttempts(attempts int, err error) error {
	if attempts < 2 || err == nil {
		return err
	}
	return &RetryError{Attempts: attempts, Err: err}
}

// withCause returns the error of a task that was cancelled with a cause of which the outcome does not know.
func (o outcome) withCause(cause error) error {
	var again *RetryError
	if errors.As(o.err, &again) {
		return withAttempts(again.Attempts, cause)
	}
	return cause
}

// Idempotent returns a handle for the same function that declares it to be one that may run more than once for one call:
// its tasks are run again as the pool's Options.Retry says, and not at all where that is nil.
func (f *Function[A, R]) Idempotent() *Function[A, R] {
	g := *f
	g.idempotent = true
	return &g
}

// WithRetry returns a handle for the same function that declares it to be one that may run more than once for one call, and
// whose tasks are run again as r says, in place of the pool's Options.Retry. A fault in r is the error of every call.
func (f *Function[A, R]) WithRetry(r Retry) *Function[A, R] {
	g := *f
	g.idempotent = true
	if g.fault = r.validate("WithRetry"); g.fault == nil {
		g.retry = r.complete()
	}
	return &g
}

// admissible reports why a call of the function is refused, nil when it is not.
func (f *Function[A, R]) admissible(ctx context.Context, p Runner) error {
	if f.fault != nil {
		return fmt.Errorf("%w (of %s)", f.fault, f.entry.name)
	}
	if _, local := p.(*Pool); !local && f.retry != nil && f.retry.If != nil {
		return fmt.Errorf("pool: %s: WithRetry.If is set; a function cannot be passed to a hosted pool: say it by On", f.entry.name)
	}
	return p.admissible(ctx)
}

// validate returns every fault of r, which may be nil.
func (r *Retry) validate(name string) error {
	if r == nil {
		return nil
	}
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("pool: "+name+"."+format, args...))
		}
	}
	fault(r.Attempts < 0, "Attempts is %d; it cannot be negative", r.Attempts)
	fault(r.Attempts > maxAttempts, "Attempts is %d; at most %d are possible", r.Attempts, maxAttempts)
	fault(r.Initial < 0, "Initial is %v; it cannot be negative", r.Initial)
	fault(r.Max < 0, "Max is %v; it cannot be negative", r.Max)
	fault(r.Max > 0 && r.Max < r.Initial, "Max is %v, less than Initial, which is %v", r.Max, r.Initial)
	fault(r.Factor != 0 && (r.Factor < 1 || math.IsNaN(r.Factor) || math.IsInf(r.Factor, 0)), "Factor is %v; it must be a number from 1 on", r.Factor)
	for _, kind := range r.On {
		fault(!repeatable(kind), "On has the outcome %q; a task can be run again when it was lost, timed out, ran out of memory or failed",
			kind)
	}
	return errors.Join(faults...)
}

// maxAttempts bounds Attempts: whoever wants more wants no bound, and with that a task may never end.
const maxAttempts = 1 << 20

func repeatable(kind Outcome) bool {
	return kind == Lost || kind == TimedOut || kind == OutOfMemory || kind == Failed
}

// complete returns a copy of r with its defaults, nil for nil.
func (r *Retry) complete() *Retry {
	if r == nil {
		return nil
	}
	c := *r
	c.On = slices.Clone(r.On)
	if len(c.On) == 0 {
		c.On = []Outcome{Lost}
	}
	setDefault(&c.Attempts, DefaultRetryAttempts)
	setDefault(&c.Initial, DefaultRetryInitial)
	setDefault(&c.Max, max(DefaultRetryMax, c.Initial))
	setDefault(&c.Factor, DefaultRetryFactor)
	return &c
}

// covers reports whether tasks may be run again after such an outcome.
func (r *Retry) covers(kind Outcome) bool {
	return r != nil && slices.Contains(r.On, kind)
}

// again reports whether a task is to be run again after so many attempts and this outcome of the last.
func (r *Retry) again(attempts int, o outcome) bool {
	return attempts < r.Attempts && r.covers(o.kind) && (r.If == nil || r.If(o.err))
}

// backOff returns how long a task waits after so many attempts.
func (r *Retry) backOff(attempts int) time.Duration {
	d := float64(r.Initial) * math.Pow(r.Factor, float64(attempts-1))
	longest := r.Max
	if d < float64(r.Max) {
		longest = time.Duration(d)
	}
	half := longest / 2
	return half + rand.N(longest-half+1)
}
