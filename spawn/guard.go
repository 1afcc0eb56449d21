package spawn

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// dismissLimit is how long the end of the program waits for its guardian's exit.
const dismissLimit = 500 * time.Millisecond

// guard is the parent's end of the guardian's lifeline. It never delays a start and never fails one: a program whose
// guardian could not be started relies on its children's own watch over their lifelines. One that dies while there are
// children is replaced at once, one that died before at the next start. (Where there are no pidfds, that is noticed when it is
// to be told something.)
var guard = guardian{dismissed: make(chan struct{})}

type guardian struct {
	dismissed chan struct{} // closed by dismiss

	mu        sync.Mutex // guards the fields below
	state     guardState
	children  int        // that run, and are the guardian's to end
	lifeline  *wire.Conn // of the guardian that is up, as are the two below
	reaper    reaper
	born      time.Time
	attending reaper        // whose exit a goroutine waits for
	failures  int           // guardians in a row that did not last
	forking   chan struct{} // closed when the launch that is at it, if one is, has started its guardian or let it go again
	writing   bool          // a goroutine is in write
	waiting   []record      // what that has still to write
}

// guardState is what is known of the guardian.
type guardState int

const (
	guardUnwanted guardState = iota // no child was ever started
	guardStarting                   // a launch is on its way
	guardUp                         // it runs, as far as is known
	guardLost                       // it has died, and the next one is not on its way
	guardDown                       // dismissed, or not to be had
)

// cover starts the guardian with the first child of a program's first process. What that starts in its turn is below
// the same mark, and needs no guardian of its own.
func (g *guardian) cover(first *Process) {
	if self.Guarded || first.detached {
		return
	}
	g.mu.Lock()
	unwanted := g.state == guardUnwanted
	if unwanted {
		g.state = guardStarting
	}
	g.mu.Unlock()
	if unwanted {
		go g.launch(first.started, guardDelay)
	}
}

// add has the guardian know a child, once that is identified. It is told with the next flush, for which there is time
// until the child is ready: till then, its mark is enough.
func (g *guardian) add(p *Process) {
	if p.detached || self.Guarded {
		return
	}
	g.enqueue(record{PID: p.pid, Start: p.identity.Start, Group: p.pid, Grace: int64(p.grace)})
	g.mu.Lock()
	g.children++
	g.mu.Unlock()
	g.attend()
}

// remove has the guardian forget a child that was reaped. There is no hurry, since a process that gets the same pid has
// another start time: it is told when there is something else to tell.
func (g *guardian) remove(p *Process) {
	if p.detached || self.Guarded {
		return
	}
	g.enqueue(record{PID: p.pid, Start: p.identity.Start, Gone: true})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.children--
	if watched, ok := g.attending.(interruptible); ok && g.children == 0 {
		watched.interrupt()
	}
}

func (g *guardian) enqueue(r record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != guardDown {
		g.waiting = append(g.waiting, r)
	}
}

// flush has a goroutine write what is waiting, unless there is one. It ends when nothing is waiting, which a stopped
// guardian with a full pipe can put off until dismiss closes that.
func (g *guardian) flush() {
	g.mu.Lock()
	start := g.state == guardUp && !g.writing && len(g.waiting) > 0
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
		own := g.lifeline == lifeline
		var batch []record
		if own { // else there is another guardian by now, with records of its own
			batch, g.waiting = g.waiting, nil
		}
		g.writing = len(batch) > 0
		g.mu.Unlock()
		if !own {
			g.flush()
		}
		if len(batch) == 0 {
			return
		}
		if err := writeRecords(lifeline, batch); err != nil {
			g.mu.Lock()
			g.writing = false
			g.mu.Unlock()
			g.replace(lifeline)
			g.flush()
			return
		}
	}
}

func writeRecords(lifeline *wire.Conn, batch []record) error {
	var encoded []byte
	for i := range batch {
		encoded, _ = batch[i].MarshalMsg(encoded) // a tuple of numbers cannot fail
	}
	return lifeline.WriteFrame(encoded)
}

// dismiss lets the guardian go, when its program has ended everything else: at the end of the lifeline it looks once
// more, finds nothing, and exits. A guardian that is stopped is killed, and one that is just being started waited for.
func (g *guardian) dismiss(ctx context.Context) {
	g.mu.Lock()
	up, lifeline, reaper, forking := g.state == guardUp, g.lifeline, g.reaper, g.forking
	if g.state != guardDown {
		close(g.dismissed)
	}
	g.state, g.waiting = guardDown, nil
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
	reap(reaper)
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
