package spawn

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// executable is this process's own binary, though its file may have been deleted or replaced.
func executable() (string, error) { return "/proc/self/exe", nil }

// pipe makes a pipe whose ends no command inherits.
func pipe() (read, write int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, -1, os.NewSyscallError("pipe2", err)
	}
	return fds[0], fds[1], nil
}

// socketPair makes a connected pair of stream sockets that no command inherits.
func socketPair() (a, b int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, -1, os.NewSyscallError("socketpair", err)
	}
	return fds[0], fds[1], nil
}

// crashFile makes the memory file that takes a child's crash. It has no name and vanishes with its last descriptor.
func crashFile() (int, bool) {
	const name = "multiproc-crash"
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	return fd, err == nil
}

// enterCgroup has a process start in a cgroup, nil for its parent's.
func enterCgroup(attr *syscall.SysProcAttr, cgroup *os.File) error {
	if cgroup == nil {
		return nil
	}
	fd, err := descriptor(cgroup)
	if err != nil {
		return fmt.Errorf("Options.Cgroup: %w", err)
	}
	attr.UseCgroupFD, attr.CgroupFD = true, fd
	return nil
}
