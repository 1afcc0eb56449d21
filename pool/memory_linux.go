package pool

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// canSample says that finalize.Census works here.
const canSample = true

const (
	sharedLock    = unix.LOCK_SH
	exclusiveLock = unix.LOCK_EX
)

// lockFile locks a file until it is closed, or returns an error where another holds a lock that excludes this one.
func lockFile(file *os.File, lock int) error {
	if err := unix.Flock(int(file.Fd()), lock|unix.LOCK_NB); err != nil {
		return os.NewSyscallError("flock", err)
	}
	return nil
}

// isCgroup2 reports why a directory is not one of cgroup v2.
func isCgroup2(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return os.NewSyscallError("statfs", err)
	}
	if int64(st.Type) != unix.CGROUP2_SUPER_MAGIC {
		return errors.New("it is no directory of cgroup v2")
	}
	return nil
}
