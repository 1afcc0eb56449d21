package pool

import (
	"fmt"
	stdsync "sync"
	"testing"
)

// Of events that nobody takes so many wait, and no more; those after the gap are in order, and the first tells how long it is.
func TestEventsThatWaitAreLimited(t *testing.T) {
	const sent = 3*mostEvents + 7
	release := make(chan struct{})
	var told []WorkerEvent
	p := &Pool{options: &Options{OnWorker: func(e WorkerEvent) {
		<-release
		told = append(told, e)
	}}}
	p.calledBack = stdsync.NewCond(&p.mu)
	for i := range sent {
		p.tell(WorkerEvent{Name: fmt.Sprint(i)})
	}
	p.events.mu.Lock()
	waiting := p.events.waiting.len()
	p.events.mu.Unlock()
	if waiting > mostEvents {
		t.Errorf("%d events wait", waiting)
	}
	close(release)
	if err := p.awaitCallbacks(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := uint64(0)
	for _, e := range told {
		next += e.Dropped
		if e.Name != fmt.Sprint(next) {
			t.Fatalf("%+v comes in the place of %d", e, next)
		}
		next++
	}
	if len(told) < mostEvents || next != sent {
		t.Errorf("%d events are told, and %d told of", len(told), next)
	}
}
