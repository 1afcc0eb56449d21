package finalize

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func identify(pid int) (Identity, error) {
	s, err := processStat(pid)
	if err != nil {
		return Identity{}, fmt.Errorf("finalize: identify pid %d: %w", pid, err)
	}
	return s.identity(), nil
}

func alive(id Identity) bool {
	s, err := processStat(id.PID)
	return err == nil && s.start == id.Start && !s.gone()
}

func sendSignal(id Identity, sig syscall.Signal) error {
	fd, err := openVerified(id)
	if err != nil {
		return err
	}
	defer closeDescriptor(fd)
	return signalVerified(id, fd, sig)
}

// processStat reads one process's stat, for those who do not scan. The error wraps
// os.ErrProcessDone if there is no process with this pid.
func processStat(pid int) (stat, error) {
	if pid < 1 {
		return stat{}, os.ErrProcessDone
	}
	p := openProcOnce()
	defer p.close()
	s, err := p.stat(pid)
	if err == nil && s.isThread() {
		err = os.ErrProcessDone
	}
	return s, err
}

// noDescriptor stands for a pidfd where the kernel has none.
const noDescriptor = -1

// openVerified returns a pidfd of the process. First the pidfd is opened and then
// the identity is looked at: if it still is the one meant, the process had the pid
// before and after, so that the pidfd is of this process and of no other.
func openVerified(id Identity) (fd int, err error) {
	if id.PID < 1 {
		return noDescriptor, os.ErrProcessDone
	}
	fd, err = unix.PidfdOpen(id.PID, 0)
	switch {
	case err == nil:
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		fd = noDescriptor // an old kernel, or a sandbox that refuses what it does not know
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		return noDescriptor, os.ErrProcessDone // gone, or the number of a thread by now
	default:
		return noDescriptor, os.NewSyscallError("pidfd_open", err)
	}
	if !alive(id) {
		closeDescriptor(fd)
		return noDescriptor, os.ErrProcessDone
	}
	return fd, nil
}

// signalVerified signals a process that openVerified has just returned.
func signalVerified(id Identity, fd int, sig syscall.Signal) error {
	var err error
	if fd == noDescriptor {
		err = os.NewSyscallError("kill", unix.Kill(id.PID, sig))
	} else {
		err = os.NewSyscallError("pidfd_send_signal", unix.PidfdSendSignal(fd, sig, nil, 0))
	}
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

func closeDescriptor(fd int) {
	if fd != noDescriptor {
		_ = unix.Close(fd)
	}
}
