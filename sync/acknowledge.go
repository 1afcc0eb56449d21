package sync

import (
	"context"
	"runtime"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
)

// An acknowledger tells a queue which of its items have arrived in this process: with the next get, or if there is none
// at once, by a call of its own. At most one of these is under way.
type acknowledger struct {
	mu      stdsync.Mutex // guards the fields below
	due     []uint64
	calling bool
}

// take returns what is due, for a get that is about to be made.
func (a *acknowledger) take() []uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	due := a.due
	a.due = nil
	return due
}

// add makes numbers due, and sees to it that the queue is told, even if p is closed at once. What is told twice does no
// harm. The goroutine ends when nothing is due, or with the session, whose end settles everything.
func (a *acknowledger) add(p *manager.Proxy, numbers ...uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.due = append(a.due, numbers...)
	if a.calling || len(a.due) == 0 {
		return
	}
	own, err := p.Clone()
	if err != nil {
		return // the session is lost, or p was closed during the get: then the queue is told when that is repeated
	}
	a.calling = true
	go a.call(own)
}

func (a *acknowledger) call(p *manager.Proxy) {
	defer p.Close()
	runtime.Gosched() // a loop of gets takes along what is due
	for {
		a.mu.Lock()
		due := a.due
		a.due = nil
		if len(due) == 0 {
			a.calling = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		if err := tell(context.Background(), p, "Arrived", message(nil).uints(due)); err != nil {
			a.mu.Lock()
			a.calling = false
			a.mu.Unlock()
			return
		}
	}
}
