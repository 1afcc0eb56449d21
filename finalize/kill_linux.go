package finalize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A killing is one run of Tree.Kill.
type killing struct {
	scan    *scan
	killed  map[Identity]bool
	refused map[Identity]error // what the kernel did not let us kill
	dying   []unix.PollFd      // pidfds of some that were killed last
}

func (t Tree) kill(ctx context.Context) (int, error) {
	s, err := newScan(t)
	if err != nil {
		return 0, err
	}
	defer s.close()
	k := killing{scan: s, killed: make(map[Identity]bool), refused: make(map[Identity]error)}
	err = k.run(ctx)
	if t.ReapOrphans {
		k.reap()
	}
	return len(k.killed), err
}

// reap reaps those that were killed and have become children of this process. One that is none is somebody else's to reap,
// and one that hangs in the kernel stays.
func (k *killing) reap() {
	for id := range k.killed {
		if k.scan.table.ownerOfRoot(id) == nobody {
			_, _ = unix.Wait4(id.PID, nil, unix.WNOHANG, nil)
		}
	}
}

// run makes passes until one finds nothing and is settled.
func (k *killing) run(ctx context.Context) error {
	const (
		shortest = 25 * time.Millisecond
		longest  = 400 * time.Millisecond
	)
	wait := shortest
	for found := (patience{}); ; {
		members, settled, err := k.pass()
		if err != nil {
			return err
		}
		if len(members) == 0 {
			over := settled || found.nothing(k.scan.execing, time.Now())
			switch {
			case over && k.awaitExits(ctx):
				return k.refusals()
			case over, !pause(ctx, time.Millisecond):
				return k.survivors(ctx, nil)
			}
			continue
		}
		found = patience{}
		err = k.strike(members)
		if !k.waitUntilDead(ctx, wait) {
			return k.survivors(ctx, members)
		}
		if err != nil {
			return err
		}
		wait = min(2*wait, longest)
	}
}

// patience says when to make do with passes in a row that find nothing but are not settled.
type patience struct {
	passes int
	since  time.Time // of the first of them
}

const (
	mostPasses = 10
	// execPatience is for how long a process may be between two programs before it is taken for none of the tree: on a
	// machine with more to do than processors, one that waits for its turn there is no rarity.
	execPatience = time.Second
)

// nothing counts a pass, and reports whether it is to be the last. execing says that somebody was between two programs in
// it, which does not last.
func (p *patience) nothing(execing bool, now time.Time) bool {
	if p.passes == 0 {
		p.since = now
	}
	p.passes++
	return p.passes >= mostPasses && (!execing || now.Sub(p.since) >= execPatience)
}

// pass returns the members except those that cannot be killed.
func (k *killing) pass() (members []Identity, settled bool, err error) {
	found, settled, err := k.scan.pass()
	for _, id := range found {
		if k.refused[id] == nil {
			members = append(members, id)
		}
	}
	return members, settled, err
}

// mostDying is how many ends are waited for at a time.
const mostDying = 64

// awaitExits waits for the ends of those that the last pass has seen in the middle of their exit, since nobody can tell whose they
// are, and until then what they have open is open: a lock, say. It waits no longer than execPatience, and reports false when ctx has
// ended before.
func (k *killing) awaitExits(ctx context.Context) bool {
	for _, id := range k.scan.exiting {
		if fd, err := openVerified(id); err == nil && fd != noDescriptor {
			k.dying = append(k.dying, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
		if len(k.dying) == mostDying {
			break
		}
	}
	return len(k.dying) == 0 || k.waitUntilDead(ctx, execPatience)
}

// strike kills the members and keeps the pidfds of the first ones, to wait for. It
// fails only if it cannot go on, without descriptors for example.
func (k *killing) strike(members []Identity) error {
	var errs []error
	for _, id := range members {
		fd, err := openVerified(id)
		if err == nil {
			err = signalVerified(id, fd, unix.SIGKILL)
		} else if !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, fmt.Errorf("finalize: kill %v: %w", id, err))
			continue
		}
		switch {
		case err == nil:
			k.killed[id] = true
		case !errors.Is(err, os.ErrProcessDone):
			k.refused[id] = err
		}
		if err != nil || fd == noDescriptor || len(k.dying) == mostDying {
			closeDescriptor(fd)
			continue
		}
		k.dying = append(k.dying, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	return errors.Join(errs...)
}

// waitUntilDead waits until those whose pidfds were kept have ended, at most for as
// long as limit. It reports false when ctx has ended before.
func (k *killing) waitUntilDead(ctx context.Context, limit time.Duration) bool {
	const slice = 5 * time.Millisecond // between two looks at ctx
	if len(k.dying) == 0 {
		return pause(ctx, time.Millisecond)
	}
	defer func() { k.dying = k.dying[:0] }()
	for deadline := time.Now().Add(limit); len(k.dying) > 0; {
		if ctx.Err() != nil || time.Now().After(deadline) {
			break
		}
		_, err := unix.Poll(k.dying, int(slice.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			break // the next pass tells who is left
		}
		k.closeDead()
	}
	for _, process := range k.dying {
		closeDescriptor(int(process.Fd))
	}
	return len(k.dying) == 0 || ctx.Err() == nil
}

// closeDead closes the pidfds that poll has found readable: of ended processes.
func (k *killing) closeDead() {
	left := k.dying[:0]
	for _, process := range k.dying {
		if process.Revents == 0 {
			left = append(left, process)
			continue
		}
		closeDescriptor(int(process.Fd))
	}
	k.dying = left
}

// refusals is the error for the members that could not be killed, if there are any.
func (k *killing) refusals() error {
	var (
		survivors []Identity
		errs      []error
	)
	for id, err := range k.refused {
		if id.Alive() {
			survivors = append(survivors, id)
			errs = append(errs, fmt.Errorf("%v: %w", id, err))
		}
	}
	if len(survivors) == 0 {
		return nil
	}
	return &SurvivorsError{Survivors: survivors, Err: errors.Join(errs...)}
}

// survivors is the error for a context that ended too early.
func (k *killing) survivors(ctx context.Context, members []Identity) error {
	var alive []Identity
	for _, id := range members {
		if id.Alive() {
			alive = append(alive, id)
		}
	}
	return &SurvivorsError{Survivors: alive, Err: context.Cause(ctx)}
}
