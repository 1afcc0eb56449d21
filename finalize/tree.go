package finalize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// A Tree describes processes by what ties them together, and may describe several
// trees at once, since one scan for all of them costs no more than a scan for one.
// It is not changed by its use and may be used concurrently.
//
// A process belongs to the tree if it
//   - is one of the Roots,
//   - has one of the Marks, or a mark below one, in the environment that it was
//     started with,
//   - is in one of the Groups,
//   - is a child of a process that belongs, or
//   - is in a session that such a process has made.
//
// Kernel threads and zombies never belong, nor does pid 1. The calling process is
// never returned or signalled; if it belongs, what it has started does. Which user a process runs as makes no difference, save
// that the environment of another user's process can only be read by root.
//
// Outside Linux a tree is its Roots and Groups alone.
type Tree struct {
	Roots []Identity // a root that has ended already is no mistake
	Marks []string   // none may be empty

	// Groups are ids of process groups, each above 1. If the leader is among the
	// Roots, the group counts only as long as no other process has got its pid.
	Groups []int

	// Exclude are pids of processes that do not belong, and whose children do not
	// belong on their account.
	Exclude []int

	// Since is a start time, in ticks as in Identity.Start. Processes other than
	// the Roots that started before do not belong, and their environments are not
	// read, which is faster. Zero is no limit.
	Since uint64

	// ReapOrphans has Kill reap what it has killed, but for the Roots, where that had become a child of the caller
	// when its parent ended: as it does for the first process of a container, and for a child subreaper. It is for
	// callers that have started no other member themselves, since their exit statuses would be lost.
	ReapOrphans bool
}

// Members returns the processes that belong to the tree now, the oldest first. It
// makes one pass over /proc, about 10 µs for each process of the machine, less than 1 µs
// for those that started before Since and were seen before, and does not block otherwise. Processes that start or end meanwhile may be missing or
// have gone: only [Tree.Kill] sees to that.
func (t Tree) Members() ([]Identity, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	return t.members()
}

// Signal sends a signal to each of the [Tree.Members], the oldest first, and
// returns to how many. Processes that have just ended are left out. The error is
// the joined errors of those that could not be signalled.
func (t Tree) Signal(sig syscall.Signal) (n int, err error) {
	members, err := t.Members()
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, id := range members {
		switch err := id.Signal(sig); {
		case err == nil:
			n++
		case !errors.Is(err, os.ErrProcessDone):
			errs = append(errs, fmt.Errorf("finalize: signal %v to %v: %w", sig, id, err))
		}
	}
	return n, errors.Join(errs...)
}

// Kill sends SIGKILL to all members of the tree, waits until they have ended, and
// looks again, until there is nobody left. It returns how many processes it has
// killed. The roots are usually gone when it is called, or are killed as well; a
// child of the caller is a zombie then, that the caller has to reap, except for
// those that ReapOrphans speaks of.
//
// Kill blocks until it is done or ctx ends; one round is made even if ctx has ended
// before. If there are processes that it could not kill or wait for, the error is a
// [*SurvivorsError] which wraps ctx's cause, or why they could not be signalled, for
// example [os.ErrPermission]. An invalid tree is an error before anything is killed.
//
// It is done after a pass over /proc that finds nothing and of which it can tell
// that nobody has slipped through: the numbers of all processes that were created
// during the pass have been looked at too, and none was between two programs, where
// a process shows no environment. Those that were seen in the middle of their exit, where one shows none either, are waited for
// too, up to a second. On a machine too busy for that, it makes do with
// ten passes in a row that find nothing, and with a second of them if somebody was
// between two programs in each. What can escape is a process that has
// cleared its environment, has not the session or group of a member, and whose
// parent ended before it was seen.
func (t Tree) Kill(ctx context.Context) (killed int, err error) {
	if err := t.validate(); err != nil {
		return 0, err
	}
	return t.kill(ctx)
}

// validate refuses what would match far too much.
func (t Tree) validate() error {
	var errs []error
	for _, mark := range t.Marks {
		if mark == "" || strings.ContainsAny(mark, "\x00=") {
			errs = append(errs, fmt.Errorf("finalize: tree with the mark %q: marks come from NewMark", mark))
		}
	}
	for _, group := range t.Groups {
		if group <= 1 {
			errs = append(errs, fmt.Errorf("finalize: tree with the process group %d: it must be above 1", group))
		}
	}
	for _, root := range t.Roots {
		if root.PID < 1 || root.PID == 1 && os.Getpid() != 1 {
			errs = append(errs, fmt.Errorf("finalize: tree with the root %v: it must be above pid 1", root))
		}
	}
	return errors.Join(errs...)
}

// A SurvivorsError reports a tree that was not killed whole.
type SurvivorsError struct {
	Survivors []Identity // still alive when Kill gave up; empty if it only had no time to make sure
	Err       error      // why
}

// Error names up to eight of the survivors.
func (e *SurvivorsError) Error() string {
	if len(e.Survivors) == 0 {
		return fmt.Sprintf("finalize: kill a process tree: stopped before it was sure that nothing is left: %v", e.Err)
	}
	const most = 8
	var list strings.Builder
	for i, id := range e.Survivors {
		if i == most {
			fmt.Fprintf(&list, " and %d more", len(e.Survivors)-most)
			break
		}
		fmt.Fprintf(&list, " %d", id.PID)
	}
	return fmt.Sprintf("finalize: kill a process tree: still alive are pids%s: %v", list.String(), e.Err)
}

// Unwrap returns Err.
func (e *SurvivorsError) Unwrap() error { return e.Err }

// pause waits for a while and reports whether ctx was still alive at the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
