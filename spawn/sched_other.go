//go:build !linux

package spawn

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// setNiceness adds to the niceness of a process group.
func setNiceness(group, niceness int) error {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return fmt.Errorf("getpriority: %w", err)
	}
	if err := unix.Setpriority(unix.PRIO_PGRP, group, min(max(own+niceness, -20), 19)); err != nil {
		return fmt.Errorf("set niceness of group %d to %d: %w", group, own+niceness, err)
	}
	return nil
}

// forkExecOn starts a process; only Linux can confine it to processors.
func forkExecOn(processors []int, path string, argv []string, attr *syscall.ProcAttr) (int, reaper, error) {
	if len(processors) != 0 {
		return 0, nil, fmt.Errorf("set affinity to processors %v: %w", processors, errors.ErrUnsupported)
	}
	return forkExec(path, argv, attr)
}
