package finalize

import "os"

// A Target is a process that a [Ladder] can end. Both methods must be safe for
// concurrent use.
type Target interface {
	// Signal sends a signal to the process, or to what should get it in its
	// place. It does not block. It returns os.ErrProcessDone, or an error that
	// wraps it, if the process has ended.
	Signal(os.Signal) error

	// Done returns a channel that is closed when the process has ended.
	Done() <-chan struct{}
}

// A Reaper waits for a child process, and is a [Target] for it. Its methods are
// safe for concurrent use.
type Reaper struct {
	process *os.Process
	done    chan struct{} // closed when the fields below are set

	state *os.ProcessState
	err   error
}

// Reap starts waiting for p, which must be a child of the calling process, and
// returns at once. From then on p belongs to the Reaper: nobody else may call its
// Wait or Release. Its one goroutine, and the thread that it takes, end when the process does. For an *exec.Cmd,
// whose Wait must be called, write a Target with a goroutine that calls it.
func Reap(p *os.Process) *Reaper {
	r := &Reaper{process: p, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.state, r.err = p.Wait()
	}()
	return r
}

// Signal sends a signal to the process. It does not block, and returns
// [os.ErrProcessDone] if the process has ended.
func (r *Reaper) Signal(sig os.Signal) error { return r.process.Signal(sig) }

// Done returns a channel that is closed when the process has ended and has been
// reaped.
func (r *Reaper) Done() <-chan struct{} { return r.done }

// Wait blocks until the process has ended and returns its state, or the error of
// waiting for it. It may be called any number of times.
func (r *Reaper) Wait() (*os.ProcessState, error) {
	<-r.done
	return r.state, r.err
}
