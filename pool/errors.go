package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/multiproc-go/multiproc/wire"
)

// The states a caller may meet. Test for them with errors.Is.
var (
	// ErrClosed: the pool was closed, or is shutting down, before the task could be run.
	ErrClosed = errors.New("pool: closed")

	// ErrPoolBroken: workers could not be started, again and again, and none is left. The error that
	// carries it also wraps the start error of the last one.
	ErrPoolBroken = errors.New("pool: broken: its workers cannot be started")

	// ErrTaskTimeout: the task ran longer than its deadline allows. By the time a caller sees it the task
	// has ended, if need be with the worker that ran it.
	ErrTaskTimeout = errors.New("pool: task timed out")

	// ErrTaskTooLarge: an argument or a result is larger, encoded, than MaxPayload bytes.
	ErrTaskTooLarge = errors.New("pool: argument or result too large")

	// ErrCutShort is wrapped by an Iterator's own error, which is no task's: its input was not read to the end.
	ErrCutShort = errors.New("pool: the input was not read to its end")

	// errCancelled is the cause given to a task that its own AsyncResult or Iterator cancelled.
	errCancelled error = cancelledError{}
)

// cancelledError is the type of errCancelled. Like cutShortBy it formats nothing while the package initialises, which every
// worker does.
type cancelledError struct{}

func (cancelledError) Error() string { return "pool: task cancelled: " + context.Canceled.Error() }
func (cancelledError) Unwrap() error { return context.Canceled }

// cutShortBy is ErrCutShort with the reason.
type cutShortBy string

func (e cutShortBy) Error() string { return ErrCutShort.Error() + ": " + string(e) }
func (cutShortBy) Unwrap() error   { return ErrCutShort }

// RemoteError is an error that a task returned, or a panic in it, as it reached its caller. errors.Is finds
// the sentinels that the program registered with RegisterError; Stack holds the worker's stack after a panic.
type RemoteError = wire.RemoteError

// RegisterError makes errors.Is work across processes for a sentinel: an error that a task returns and that
// wraps err is, at the caller, an error for which errors.Is(_, err) is true. The code is err's name on the
// wire; it must be unique in the program. Call it while packages initialise.
func RegisterError(code string, err error) { wire.RegisterError(code, err) }

// WorkerLostError is the outcome of a task whose worker process died while it ran the task. Only that task
// fails: what the worker had not begun is run by others. The task may have had effects.
type WorkerLostError struct {
	Function string         // name of the function that ran
	PID      int            // process id of the worker
	ExitCode int            // its exit status; -1 when a signal ended it, or when it is not known
	Signal   syscall.Signal // the signal that ended it, or 0
	Crash    string         // what Go's runtime wrote when it crashed: at most the first 64 KiB, often empty
	Stderr   string         // the end of what it wrote to standard error, often empty
	Cause    string         // what was wrong where the pool itself ended the worker, or empty
}

// Error says in a line what was lost and how.
func (e *WorkerLostError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pool: worker %d was lost while it ran %s: ", e.PID, e.Function)
	switch {
	case e.Cause != "":
		b.WriteString(e.Cause)
	case e.Signal != 0:
		fmt.Fprintf(&b, "signal: %v", e.Signal)
	case e.ExitCode < 0:
		b.WriteString("its exit status is not known")
	default:
		fmt.Fprintf(&b, "exit status %d", e.ExitCode)
	}
	if line := firstLine(e.Crash); line != "" {
		b.WriteString(": " + line)
	}
	return b.String()
}

func firstLine(s string) string {
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// TaskError says which input of a Map failed, and why.
type TaskError struct {
	Index int   // position of the input, from 0 on
	Err   error // why its task failed
}

// Error names the position of the input and says why its task failed.
func (e *TaskError) Error() string { return fmt.Sprintf("input %d: %v", e.Index, e.Err) }

// Unwrap returns the task's own error.
func (e *TaskError) Unwrap() error { return e.Err }

// MapError is the error of a Map of which some tasks failed. The others ran, and their results are there.
// errors.Is and errors.As look at every failed task.
type MapError struct {
	Tasks  int          // how many tasks the Map had
	Failed []*TaskError // those that failed, by position
}

// Error says how many tasks failed, and why the first of them.
func (e *MapError) Error() string {
	if len(e.Failed) == 1 {
		return fmt.Sprintf("pool: 1 of %d tasks failed: %v", e.Tasks, e.Failed[0])
	}
	return fmt.Sprintf("pool: %d of %d tasks failed, the first: %v", len(e.Failed), e.Tasks, e.Failed[0])
}

// Unwrap returns the failed tasks' errors.
func (e *MapError) Unwrap() []error {
	all := make([]error, len(e.Failed))
	for i, failed := range e.Failed {
		all[i] = failed
	}
	return all
}
