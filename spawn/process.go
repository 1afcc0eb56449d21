package spawn

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/wire"
)

// A Process is a child of this one that was started and got ready. All its methods are safe for concurrent use.
//
// A Process needs no closing: what it holds is let go when the child has exited. One that nobody waits for is reaped
// all the same.
type Process struct {
	name     string
	mark     string
	pid      int
	grace    time.Duration
	detached bool
	reaper   reaper
	lifeline *wire.Conn
	stdio    *stdio
	crash    int                       // descriptor of the memory file, or -1; used by watch alone
	address  string                    // written before started is closed
	knocks   atomic.Pointer[wire.Conn] // nil where the child's role does not knock
	expected atomic.Bool               // counted in sweeps.expected, or exited

	telling  sync.Mutex // held while an order is written, as the deadline is for that one; guards the field below
	heedless bool       // the child has not taken the last order in time

	started    chan struct{} // closed when it is known whether the child got ready
	identified chan struct{} // closed when identity is set
	done       chan struct{} // closed when the three fields at the end are set
	swept      chan struct{} // closed when nothing of the child's tree is left

	identity    finalize.Identity
	status      syscall.WaitStatus
	waitErr     error
	crashOutput string
}

// PID returns the process id. It is the child's own until Done is closed, and may be anybody's afterwards.
func (p *Process) PID() int { return p.pid }

// Name returns Options.Name or its default.
func (p *Process) Name() string { return p.name }

// Mark returns the mark that the child, and whatever it starts, has in its environment (see finalize.MarkVariable).
func (p *Process) Mark() string { return p.mark }

// Address returns the address that the child's role passed to Child.Hello.
func (p *Process) Address() string { return p.address }

// Identity returns the child's pid and start time, which together are no other process's. It may block for the moment
// that reading them takes after the start. They are zero where the platform does not tell.
func (p *Process) Identity() finalize.Identity {
	<-p.identified
	return p.identity
}

// Done returns a channel that is closed when the child has exited and was reaped. Its exit status is known from then on.
// It does not wait for the child's own children, which may hold its output open; see Swept.
func (p *Process) Done() <-chan struct{} { return p.done }

// Swept returns a channel that is closed, after Done, when all that the child had left behind has been killed as well:
// its process group, and every process that carries its mark.
func (p *Process) Swept() <-chan struct{} { return p.swept }

// Wait blocks until the child has exited and what it wrote was copied to Options.Stdout and Options.Stderr, or until ctx
// ends. It returns nil if the exit status is 0, an *ExitError if it is not, and the cause of ctx if that ended first. Any
// number of goroutines may wait.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
	default:
		select {
		case <-p.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, pump := range p.stdio.pumps {
		select {
		case <-pump.drained:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if p.waitErr != nil {
		return p.waitErr
	}
	if p.status.Exited() && p.status.ExitStatus() == 0 {
		return nil
	}
	return p.exitError()
}

// ExitCode returns the exit status, or -1 while the child runs, where a signal ended it, and where another part of the
// program has reaped it, by waiting for any child or by ignoring SIGCHLD. It does not block.
func (p *Process) ExitCode() int {
	if !p.hasExited() || !p.status.Exited() {
		return -1
	}
	return p.status.ExitStatus()
}

// Signal returns the signal that ended the child, or 0 while it runs and where it exited by itself. It does not block.
func (p *Process) Signal() syscall.Signal {
	if !p.hasExited() || !p.status.Signaled() {
		return 0
	}
	return p.status.Signal()
}

// CrashOutput returns what Go's runtime wrote when the child crashed: the panic or fatal error and the stacks, of which
// the first 64 KiB are kept. It is empty while the child runs, where it did not crash, and on other systems than Linux.
// It does not block.
func (p *Process) CrashOutput() string {
	if !p.hasExited() {
		return ""
	}
	return p.crashOutput
}

// StderrTail returns the last 8 KiB of what the child has written to its stderr so far, which after Done is all of it. It
// is empty where Options.Stderr is a *os.File, and for a detached child. It does not block.
func (p *Process) StderrTail() string { return p.stdio.tail.String() }

func (p *Process) hasExited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// await waits for the exit, but not for longer than limit.
func (p *Process) await(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
}

// exitError describes the exit; Done must be closed.
func (p *Process) exitError() *ExitError {
	return &ExitError{
		Name: p.name, PID: p.pid, Code: p.ExitCode(), Signal: p.Signal(),
		Crash: p.crashOutput, Stderr: p.StderrTail(),
	}
}
