package manager

import (
	"fmt"
	"os"
	"syscall"
)

// nameless says that a socket can do without a name in the file system.
const nameless = true

// openPath is the flag O_PATH, which package syscall does not name: a descriptor of the file itself.
const openPath = 0x200000

// unname removes the name of a listening socket, and returns the path by which the processes of this user reach it
// nevertheless, as long as the file that it also returns is open: however this process ends, nothing is left of it.
func unname(path string) (reachable string, keep *os.File, err error) {
	fd, err := syscall.Open(path, openPath|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, fmt.Errorf("manager: open the socket: %w", err)
	}
	keep = os.NewFile(uintptr(fd), path)
	reachable = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
	if info, err := os.Stat(reachable); err != nil || info.Mode().Type() != os.ModeSocket {
		_ = keep.Close()               // it was of no use
		return "", nil, os.ErrNotExist // no /proc here
	}
	return reachable, keep, os.Remove(path)
}
