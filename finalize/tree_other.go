//go:build !linux

package finalize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Without /proc a process is its pid, and a tree its roots and groups.

func identify(pid int) (Identity, error) {
	id := Identity{PID: pid}
	if !alive(id) {
		return Identity{}, fmt.Errorf("finalize: identify pid %d: %w", pid, os.ErrProcessDone)
	}
	return id, nil
}

func alive(id Identity) bool {
	err := sendSignal(id, 0)
	return err == nil || errors.Is(err, os.ErrPermission)
}

func sendSignal(id Identity, sig syscall.Signal) error {
	if id.PID < 1 {
		return os.ErrProcessDone
	}
	return kill(id.PID, sig)
}

// kill signals a process, or, as a negative number, a process group.
func kill(pid int, sig syscall.Signal) error {
	err := syscall.Kill(pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("kill", err)
}

// members returns the roots that are alive; who else is in a group is not known.
func (t Tree) members() ([]Identity, error) {
	var members []Identity
	for _, id := range t.Roots {
		if id.PID != os.Getpid() && alive(id) {
			members = append(members, id)
		}
	}
	return members, nil
}

// kill signals roots and groups until none of them exists, except as far as it may
// not. Without a way to look into a group it counts the signals that were taken.
func (t Tree) kill(ctx context.Context) (killed int, err error) {
	const between = 5 * time.Millisecond
	var targets []int
	for _, group := range t.Groups {
		targets = append(targets, -group)
	}
	for _, id := range t.Roots {
		if id.PID != os.Getpid() {
			targets = append(targets, id.PID)
		}
	}
	var refused []error
	for first := true; len(targets) > 0; first = false {
		left := targets[:0]
		for _, target := range targets {
			switch err := kill(target, syscall.SIGKILL); {
			case err == nil:
				left = append(left, target)
				if first {
					killed++
				}
			case !errors.Is(err, os.ErrProcessDone):
				refused = append(refused, fmt.Errorf("kill %d: %w", target, err))
			}
		}
		targets = left
		if len(targets) > 0 && !pause(ctx, between) {
			return killed, &SurvivorsError{Err: context.Cause(ctx)}
		}
	}
	if len(refused) > 0 {
		return killed, &SurvivorsError{Err: errors.Join(refused...)}
	}
	return killed, nil
}
