package pool

import (
	"errors"
	"fmt"
)

// ErrMemoryLimit says that the task's worker, with all that it had started, used more memory than Options.MaxMemory allows. By
// the time a caller sees it the worker has ended. The error that wraps it is a *MemoryLimitError.
var ErrMemoryLimit = errors.New("pool: memory limit exceeded")

// MemoryMechanism is what keeps workers within Options.MaxMemory.
type MemoryMechanism string

// The mechanisms.
const (
	MemoryUnlimited MemoryMechanism = ""         // nothing: there is no limit
	MemorySampling  MemoryMechanism = "sampling" // this process looks at the workers' trees, more than ten times a second
	MemoryCgroup    MemoryMechanism = "cgroup"   // the kernel, by a cgroup for each worker
)

// MemoryLimitError is the outcome of a task whose worker, with all that it had started, used more memory than it may.
// Only that task fails: what the worker had not begun is run by others. The task may have had effects. errors.Is finds
// ErrMemoryLimit in it.
type MemoryLimitError struct {
	Function  string          // name of the function that ran; empty where there was none
	PID       int             // process id of the worker
	Used      int64           // bytes that the worker and what it had started were seen to use
	Limit     int64           // Options.MaxMemory, in bytes
	Mechanism MemoryMechanism // what noticed
}

// Error says in a line who used how much.
func (e *MemoryLimitError) Error() string {
	doing := ""
	if e.Function != "" {
		doing = " while it ran " + e.Function
	}
	return fmt.Sprintf("%v: worker %d and what it started used %d bytes%s, and may use %d (seen by %s)",
		ErrMemoryLimit, e.PID, e.Used, doing, e.Limit, e.Mechanism)
}

// Unwrap returns ErrMemoryLimit.
func (e *MemoryLimitError) Unwrap() error { return ErrMemoryLimit }
