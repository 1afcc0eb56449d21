package spawn

import (
	"fmt"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// setNiceness adds to the niceness of every thread in a process group: in Linux it belongs to threads, and a process
// has several by the time it could be asked to set its own.
func setNiceness(group, niceness int) error {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return fmt.Errorf("getpriority: %w", err)
	}
	own = 20 - own // the system call's result is offset, so as not to be negative
	if err := unix.Setpriority(unix.PRIO_PGRP, group, min(max(own+niceness, -20), 19)); err != nil {
		return fmt.Errorf("set niceness of group %d to %d: %w", group, own+niceness, err)
	}
	return nil
}

// forkExecOn starts a process that may run on the given processors alone. A process inherits the mask of the thread
// that starts it: so one thread takes the mask on for a moment. It belongs to a goroutine that ends without unlocking
// it, and thereby ends it too, if the mask could not be put back.
func forkExecOn(processors []int, path string, argv []string, attr *syscall.ProcAttr) (int, reaper, error) {
	if len(processors) == 0 {
		return forkExec(path, argv, attr)
	}
	type outcome struct {
		pid    int
		reaper reaper
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		runtime.LockOSThread()
		restore, err := takeAffinity(processors)
		if err != nil {
			runtime.UnlockOSThread()
			done <- outcome{err: err}
			return
		}
		pid, reaper, err := forkExec(path, argv, attr)
		if restore() == nil {
			runtime.UnlockOSThread()
		}
		done <- outcome{pid, reaper, err}
	}()
	out := <-done
	return out.pid, out.reaper, out.err
}

// takeAffinity confines the calling thread to the processors, until restore.
func takeAffinity(processors []int) (restore func() error, err error) {
	var before, during unix.CPUSet
	for _, processor := range processors {
		during.Set(processor)
	}
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	if err := unix.SchedSetaffinity(0, &during); err != nil {
		return nil, fmt.Errorf("set affinity to processors %v: %w", processors, err)
	}
	return func() error { return unix.SchedSetaffinity(0, &before) }, nil
}
