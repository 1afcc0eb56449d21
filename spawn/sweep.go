package spawn

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
)

const (
	// gatherPause is how long a sweep is put off for the sake of the next child that is about to exit,
	gatherPause = 2 * time.Millisecond
	// gatherLimit for all of them.
	gatherLimit = 10 * time.Millisecond
)

// sweeps kills what children left behind when they exited, beyond their process groups (see leaveNoGroup). A look at all processes costs milliseconds where there are
// many: so those that wait for one are served by the next one together.
var sweeps = sweeper{arrived: make(chan struct{}, 1)}

type sweeper struct {
	expected atomic.Int32  // children that were asked to stop and have not exited
	arrived  chan struct{} // has a value when another child waits

	mu      sync.Mutex // guards the fields below
	waiting []*Process
	running bool
}

// sweep sweeps the tree of a child that has exited, or has the goroutine that is sweeping do it, and waits for that.
func (s *sweeper) sweep(p *Process) {
	s.mu.Lock()
	s.waiting = append(s.waiting, p)
	first := !s.running
	s.running = true
	s.mu.Unlock()
	if first {
		s.run()
	} else {
		select {
		case s.arrived <- struct{}{}:
		default:
		}
	}
	<-p.swept
}

// gather waits a moment for the exits of those that were asked to stop, so as to sweep after them all at once.
func (s *sweeper) gather() {
	if s.expected.Load() == 0 {
		return
	}
	began := time.Now()
	timer := time.NewTimer(gatherPause)
	defer timer.Stop()
	for s.expected.Load() > 0 {
		select {
		case <-s.arrived:
			timer.Reset(min(gatherPause, gatherLimit-time.Since(began)))
		case <-timer.C:
			return
		}
	}
}

// run sweeps until nobody waits.
func (s *sweeper) run() {
	for {
		s.gather()
		s.mu.Lock()
		batch := s.waiting
		s.waiting = nil
		s.running = len(batch) > 0
		s.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		s.kill(batch)
		for _, p := range batch {
			close(p.swept)
		}
	}
}

func (s *sweeper) kill(batch []*Process) {
	tree := finalize.Tree{Since: batch[0].identity.Start, ReapOrphans: true}
	for _, p := range batch {
		tree.Marks = append(tree.Marks, p.mark)
		tree.Since = min(tree.Since, p.identity.Start)
	}
	ctx, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	// What survives SIGKILL for so long hangs in the kernel, and is gone as soon as it leaves that.
	_, _ = tree.Kill(ctx)
	for _, p := range batch {
		reapGroup(p.identity.PID)
	}
}
