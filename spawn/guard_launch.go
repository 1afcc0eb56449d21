package spawn

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/wire"
)

const (
	// guardDelay is how long the guardian is held back for the first child to get ready, since the two would compete for
	// processors. A child that takes longer may be one that hangs before it watches its lifeline.
	guardDelay = 5 * time.Millisecond

	// guardLasting is how old a guardian gets that is no failure, whatever it dies of later.
	guardLasting = 10 * time.Second

	// mostGuardians is how many guardians in a row may be failures. They take half a minute together.
	mostGuardians = 12
)

// guardPause is how long the next guardian waits after so many failures: the first is replaced at once.
func guardPause(failures int) time.Duration {
	if failures <= 1 {
		return 0
	}
	return min(5*time.Millisecond<<failures, 5*time.Second)
}

// interruptible is a reaper of which an exit can be waited for as long as that is of interest, where the system has that.
type interruptible interface {
	// awaitExit blocks until the child has exited, and returns nil, errInterrupted after interrupt, or an error where the
	// exit cannot be waited for in this way. The child is not reaped.
	awaitExit() error
	// interrupt ends the waiting, and has awaitExit not begin again until resume. Both may be called at any time.
	interrupt()
	resume()
}

var errInterrupted = errors.New("spawn: interrupted")

// attend sees to it that a guardian runs and that its exit is noticed, while there are children.
func (g *guardian) attend() {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.children == 0:
	case g.state == guardLost:
		g.state = guardStarting
		go g.launch(nil, guardPause(g.failures))
	case g.state == guardUp && g.attending != g.reaper:
		if watched, ok := g.reaper.(interruptible); ok {
			g.attending = g.reaper
			watched.resume()
			go g.await(g.lifeline, g.reaper, watched)
		}
	}
}

// await waits for the exit of a guardian, and replaces it. Its goroutine ends with the guardian, or when there are no
// children.
func (g *guardian) await(lifeline *wire.Conn, own reaper, watched interruptible) {
	for {
		err := watched.awaitExit()
		if err == nil {
			g.replace(lifeline)
			return
		}
		g.mu.Lock()
		again := g.children > 0 && errors.Is(err, errInterrupted) && g.attending == own
		if again {
			watched.resume()
		} else if g.attending == own && g.children == 0 {
			g.attending = nil // where it cannot be waited for, nobody tries again
		}
		g.mu.Unlock()
		if !again {
			return
		}
	}
}

// replace gives up a guardian that has died, and has another one started while there are children, unless it was
// dismissed or too many have died.
func (g *guardian) replace(lifeline *wire.Conn) {
	g.mu.Lock()
	if g.state != guardUp || g.lifeline != lifeline {
		g.mu.Unlock()
		return
	}
	reaper := g.reaper
	g.failLocked()
	g.mu.Unlock()
	_ = lifeline.Close()
	_ = reaper.signal(syscall.SIGKILL)
	reap(reaper)
	g.attend()
}

// reap waits for the exit of a guardian, and reaps it.
func reap(guardian reaper) {
	if watched, ok := guardian.(interruptible); ok {
		watched.resume()
	}
	_, _ = guardian.wait()
}

// failLocked counts a guardian that is gone.
func (g *guardian) failLocked() {
	if time.Since(g.born) >= guardLasting {
		g.failures = 0
	}
	g.failures++
	g.state, g.attending = guardLost, nil
	if g.failures > mostGuardians {
		g.state, g.waiting = guardDown, nil
	}
}

// launch starts the guardian, when hold is closed or delay is over. Its goroutine ends within delay and the time of one
// fork.
func (g *guardian) launch(hold <-chan struct{}, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-hold:
	case <-timer.C:
	case <-g.dismissed:
	}
	forked := make(chan struct{})
	defer close(forked)
	g.mu.Lock()
	dismissed := g.state != guardStarting
	g.forking = forked
	g.mu.Unlock()
	if dismissed {
		return
	}
	lifeline, reaper, err := forkGuardian()
	records := recordsOf(children.list())
	g.mu.Lock()
	dismissed = g.state != guardStarting
	switch {
	case dismissed:
	case err != nil:
		g.failLocked()
	default:
		g.lifeline, g.reaper, g.born, g.state = lifeline, reaper, time.Now(), guardUp
		g.waiting = append(records, g.waiting...)
	}
	g.mu.Unlock()
	if err == nil && dismissed {
		_ = lifeline.Close()
		reap(reaper)
		return
	}
	g.flush()
	g.attend()
}

// forkGuardian starts this binary as a guardian, in a process group of its own and with nothing of this process's but
// its end of the lifeline: whoever waits for the end of the program's output must not have to wait for the guardian.
func forkGuardian() (*wire.Conn, reaper, error) {
	read, write, err := pipe()
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(read)
	lifeline := framed(pollable(write, "guardian"))
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, errJoinClose(err, lifeline)
	}
	defer null.Close()
	fd, err := descriptor(null)
	if err != nil {
		return nil, nil, errJoinClose(err, lifeline)
	}
	value, err := marker(kindGuardian, []int{read})
	if err != nil {
		return nil, nil, errJoinClose(err, lifeline)
	}
	path, err := executable()
	if err != nil {
		return nil, nil, errJoinClose(err, lifeline)
	}
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Env:   environment(nil, finalize.OwnMark(), value, 1),
		Files: []uintptr{uintptr(fd), uintptr(fd), uintptr(fd), uintptr(read)},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	}
	_, reaper, err := forkExec(path, []string{os.Args[0], "guardian", treeMark()}, attr)
	if err != nil {
		return nil, nil, errJoinClose(err, lifeline)
	}
	return lifeline, reaper, nil
}

// recordsOf tells a guardian of the children that run.
func recordsOf(active []*Process) []record {
	var records []record
	for _, p := range active {
		if identity := p.Identity(); !p.detached && identity.PID != 0 {
			records = append(records, record{PID: p.pid, Start: identity.Start, Group: p.pid, Grace: int64(p.grace)})
		}
	}
	return records
}
