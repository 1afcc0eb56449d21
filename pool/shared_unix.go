//go:build unix

package pool

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the beginning of a file, shared: most bytes if it has those, and otherwise least.
func mapFile(file *os.File, least, most int) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < int64(least) {
		return nil, errors.New("the file is too short")
	}
	if info.Size() >= int64(most) {
		least = most
	}
	return unix.Mmap(int(file.Fd()), 0, least, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

func unmap(memory []byte) error { return unix.Munmap(memory) }

// socketPair makes two connected stream sockets that no command inherits; one is for a child. Neither blocks: who has one is
// woken by the runtime's poller. It is not asked to look at the child's here.
func socketPair(name string) (ours, theirs *os.File, err error) {
	fds, err := privateSocketPair()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), name)
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_NONBLOCK); err != nil {
			return nil, nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fds[0]), theirs.Close())
		}
	}
	return os.NewFile(uintptr(fds[0]), name), theirs, nil
}

func joinClose(err error, files ...*os.File) error {
	for _, file := range files {
		err = errors.Join(err, file.Close())
	}
	return err
}
