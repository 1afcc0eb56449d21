//go:build !linux

package spawn

import (
	"errors"
	"syscall"
)

// forkExec starts a process and returns how to wait for it.
func forkExec(path string, argv []string, attr *syscall.ProcAttr) (int, reaper, error) {
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return 0, nil, err
	}
	reaper, err := newProcessReaper(pid)
	if err != nil {
		return 0, nil, errors.Join(err, discard(pid))
	}
	return pid, reaper, nil
}

// reapGroup does nothing where a program is never the parent of what others have started.
func reapGroup(int) {}
