package spawn

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/wire"
)

// guardDelay is how long the guardian is held back for the first child to get ready, since the two would compete for
// processors. A child that takes longer may be one that hangs before it watches its lifeline.
const guardDelay = 5 * time.Millisecond

// dismissLimit is how long the end of the program waits for its guardian's exit.
const dismissLimit = 500 * time.Millisecond

// mostGuardians is how many guardians a program starts, where they are killed again and again.
const mostGuardians = 10

// guard is the parent's end of the guardian's lifeline. It never delays a start and never fails one: a program whose
// guardian could not be started relies on its children's own watch over their lifelines. One that was killed is noticed,
// and replaced, when the next child starts.
var guard guardian

type guardian struct {
	start sync.Once

	mu       sync.Mutex // guards the fields below
	up       bool       // the three below are those of a guardian that runs, as far as is known
	lifeline *wire.Conn
	reaper   reaper
	identity finalize.Identity
	down     bool          // dismissed, or not to be had
	started  int           // guardians so far
	forking  chan struct{} // closed when the launch that is at it, if one is, has started its guardian or let it go again
	writing  bool          // a goroutine is in write
	waiting  []record      // what that has still to write
}

// cover starts the guardian with the first child of a program's first process. What that starts in its turn is below
// the same mark, and needs no guardian of its own.
func (g *guardian) cover(first *Process) {
	if self.Guarded || first.detached {
		return
	}
	g.start.Do(func() { go g.launch(first.started) })
	g.mu.Lock()
	lifeline, identity, up := g.lifeline, g.identity, g.up && !g.down
	g.mu.Unlock()
	if up && !identity.Alive() {
		g.replace(lifeline)
	}
}

// launch starts the guardian. Its goroutine ends within guardDelay and the time of one fork.
func (g *guardian) launch(started <-chan struct{}) {
	timer := time.NewTimer(guardDelay)
	defer timer.Stop()
	select {
	case <-started:
	case <-timer.C:
	}
	forked := make(chan struct{})
	defer close(forked)
	g.mu.Lock()
	dismissed := g.down
	g.forking = forked
	g.mu.Unlock()
	if dismissed {
		return
	}
	pid, lifeline, reaper, err := forkGuardian()
	identity, _ := finalize.Identify(pid) // it cannot be reaped by anybody else
	records := recordsOf(children.list())
	g.mu.Lock()
	dismissed = g.down
	if err != nil || dismissed {
		g.down, g.waiting = true, nil
	} else {
		g.lifeline, g.reaper, g.identity, g.up = lifeline, reaper, identity, true
		g.started++
		g.waiting = append(records, g.waiting...)
	}
	g.mu.Unlock()
	switch {
	case err != nil:
	case dismissed:
		_ = lifeline.Close()
		_, _ = reaper.wait()
	default:
		g.flush()
	}
}

// forkGuardian starts this binary as a guardian, in a process group of its own and with nothing of this process's but
// its end of the lifeline: whoever waits for the end of the program's output must not have to wait for the guardian.
func forkGuardian() (int, *wire.Conn, reaper, error) {
	read, write, err := pipe()
	if err != nil {
		return 0, nil, nil, err
	}
	defer unix.Close(read)
	lifeline := framed(pollable(write, "guardian"))
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, nil, nil, errJoinClose(err, lifeline)
	}
	defer null.Close()
	fd, err := descriptor(null)
	if err != nil {
		return 0, nil, nil, errJoinClose(err, lifeline)
	}
	value, err := marker(kindGuardian, []int{read})
	if err != nil {
		return 0, nil, nil, errJoinClose(err, lifeline)
	}
	path, err := executable()
	if err != nil {
		return 0, nil, nil, errJoinClose(err, lifeline)
	}
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Env:   environment(nil, finalize.OwnMark(), value, 1),
		Files: []uintptr{uintptr(fd), uintptr(fd), uintptr(fd), uintptr(read)},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	}
	pid, reaper, err := forkExec(path, []string{os.Args[0], "guardian", treeMark()}, attr)
	if err != nil {
		return 0, nil, nil, errJoinClose(err, lifeline)
	}
	return pid, lifeline, reaper, nil
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

// add has the guardian know a child, once that is identified. It is told with the next flush, for which there is time
// until the child is ready: till then, its mark is enough.
func (g *guardian) add(p *Process) {
	if !p.detached {
		g.enqueue(record{PID: p.pid, Start: p.identity.Start, Group: p.pid, Grace: int64(p.grace)})
	}
}

// remove has the guardian forget a child that was reaped. There is no hurry, since a process that gets the same pid has
// another start time: it is told when there is something else to tell.
func (g *guardian) remove(p *Process) {
	if !p.detached {
		g.enqueue(record{PID: p.pid, Start: p.identity.Start, Gone: true})
	}
}

func (g *guardian) enqueue(r record) {
	if self.Guarded {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.down {
		g.waiting = append(g.waiting, r)
	}
}

// flush has a goroutine write what is waiting, unless there is one. It ends when nothing is waiting, which a stopped
// guardian with a full pipe can put off until dismiss closes that.
func (g *guardian) flush() {
	g.mu.Lock()
	start := g.up && !g.writing && len(g.waiting) > 0
	g.writing = g.writing || start
	lifeline := g.lifeline
	g.mu.Unlock()
	if start {
		go g.write(lifeline)
	}
}

func (g *guardian) write(lifeline *wire.Conn) {
	for {
		g.mu.Lock()
		batch := g.waiting
		g.waiting = nil
		g.writing = len(batch) > 0
		g.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		var encoded []byte
		for i := range batch {
			encoded, _ = batch[i].MarshalMsg(encoded) // a tuple of numbers cannot fail
		}
		if err := lifeline.WriteFrame(encoded); err != nil {
			g.mu.Lock()
			g.writing = false
			g.mu.Unlock()
			g.replace(lifeline)
			return
		}
	}
}

// replace gives up a guardian that has died, and has another one started, unless it was dismissed.
func (g *guardian) replace(lifeline *wire.Conn) {
	g.mu.Lock()
	if !g.up || g.down || g.lifeline != lifeline {
		g.mu.Unlock()
		return
	}
	reaper := g.reaper
	g.up, g.down = false, g.started >= mostGuardians
	again := !g.down
	g.mu.Unlock()
	_ = lifeline.Close()
	_ = reaper.signal(syscall.SIGKILL)
	_, _ = reaper.wait()
	if again {
		ready := make(chan struct{})
		close(ready)
		go g.launch(ready)
	}
}

// dismiss lets the guardian go, when its program has ended everything else: at the end of the lifeline it looks once
// more, finds nothing, and exits. A guardian that is stopped is killed, and one that is just being started waited for.
func (g *guardian) dismiss(ctx context.Context) {
	g.mu.Lock()
	up, lifeline, reaper, forking := g.up && !g.down, g.lifeline, g.reaper, g.forking
	g.down, g.waiting = true, nil
	g.mu.Unlock()
	if !up {
		if forking != nil {
			awaitLaunch(ctx, forking)
		}
		return
	}
	_ = lifeline.Close()
	timer := time.AfterFunc(dismissLimit, func() { _ = reaper.signal(syscall.SIGKILL) })
	defer timer.Stop()
	stop := context.AfterFunc(ctx, func() { _ = reaper.signal(syscall.SIGKILL) })
	defer stop()
	_, _ = reaper.wait()
}

// awaitLaunch waits until a launch has ended, which lets a guardian go again that it finds dismissed.
func awaitLaunch(ctx context.Context, forking <-chan struct{}) {
	timer := time.NewTimer(dismissLimit)
	defer timer.Stop()
	select {
	case <-forking:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func errJoinClose(err error, conn *wire.Conn) error {
	_ = conn.Close()
	return err
}
