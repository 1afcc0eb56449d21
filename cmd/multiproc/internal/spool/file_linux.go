package spool

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// create makes a file that never has a name. File systems without O_TMPFILE
// (NFS, old overlays) get one whose name is removed at once.
func create(dir string) (*os.File, string, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	var f *os.File
	switch {
	case err == nil:
		f = os.NewFile(uintptr(fd), dir)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EISDIR), errors.Is(err, unix.EINVAL):
		if f, err = createUnlinked(dir); err != nil {
			return nil, "", err
		}
	default:
		return nil, "", &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return f, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()), nil
}

func createUnlinked(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "multiproc-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// remove has nothing to do: the file has no name.
func remove(string) {}
