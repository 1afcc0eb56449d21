//go:build unix && !linux

package pool

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// anonymousFile makes a file whose name is gone when it returns.
func anonymousFile(name string, size int) (*os.File, error) {
	file, err := os.CreateTemp("", name)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, joinClose(err, file)
	}
	if err := file.Truncate(int64(size)); err != nil {
		return nil, joinClose(err, file)
	}
	return file, nil
}

func privateSocketPair() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	return fds, err
}

func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(os.NewSyscallError("clock_gettime", err))
	}
	return now.Nano()
}
