//go:build !linux

package spawn

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// executable is where this process's own binary was when it started.
func executable() (string, error) { return os.Executable() }

// pipe makes a pipe whose ends no command inherits.
func pipe() (read, write int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		return -1, -1, os.NewSyscallError("pipe", err)
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return fds[0], fds[1], nil
}

// socketPair makes a connected pair of stream sockets that no command inherits.
func socketPair() (a, b int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, -1, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		_ = unix.SetNonblock(fd, true) // a blocking one works too, at the cost of a thread
	}
	return fds[0], fds[1], nil
}

// crashFile says that there are no memory files here: the tail of stderr is what tells of a crash.
func crashFile() (int, bool) { return -1, false }

// enterCgroup refuses a cgroup, which there is none of here.
func enterCgroup(_ *syscall.SysProcAttr, cgroup *os.File) error {
	if cgroup != nil {
		return fmt.Errorf("Options.Cgroup: %w", errors.ErrUnsupported)
	}
	return nil
}
