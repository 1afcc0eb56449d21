package spawn

import (
	"errors"
	"os"
	"syscall"
)

// reaper is what a parent has of a child: it alone waits for the child, and so knows until when the pid is the child's.
type reaper interface {
	// wait blocks until the child has exited, kills what is left of its process group, and reaps it. It is called once.
	wait() (syscall.WaitStatus, error)
	// signal sends a signal to the child, never to another process that has got its pid; os.ErrProcessDone says that
	// the child has been reaped.
	signal(syscall.Signal) error
}

// processReaper waits with a thread of its own.
type processReaper struct{ process *os.Process }

func newProcessReaper(pid int) (reaper, error) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	return &processReaper{process}, nil
}

func (r *processReaper) wait() (syscall.WaitStatus, error) {
	pid := r.process.Pid
	state, err := r.process.Wait()
	leaveNoGroup(pid) // a moment late, but no pid comes round again so soon
	if err != nil {
		return 0, err
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok {
		return 0, errors.New("spawn: unknown kind of wait status")
	}
	return status, nil
}

func (r *processReaper) signal(signal syscall.Signal) error { return r.process.Signal(signal) }

// discard ends and reaps a child that cannot be kept.
func discard(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return os.NewSyscallError("kill", err)
	}
	for {
		_, err := syscall.Wait4(pid, nil, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("wait4", err)
		}
	}
}

// leaveNoGroup kills what is left of the process group of a child that has exited. The child's pid is the group's
// number, which nobody else can get before the child is reaped; and as the kernel signals a group in one step, nothing
// that is being forked at this moment escapes.
func leaveNoGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // ESRCH or EPERM: there is nothing but the dead child
}
