package pool

import (
	"math/rand/v2"
	"time"
)

// ageJitter is the part of MaxAge by which workers may be replaced earlier, so that not all are at once.
const ageJitter = 10

// lifespan returns how old a worker may become, 0 for as old as it likes.
func (o *Options) lifespan() time.Duration {
	if o.MaxAge == 0 {
		return 0
	}
	return o.MaxAge - rand.N(o.MaxAge/ageJitter+1)
}

// limitAge has the worker replaced when it is too old, unless undo is called before.
func (l *link) limitAge() (undo func()) {
	if l.expires == 0 {
		return func() {}
	}
	timer := time.AfterFunc(time.Duration(l.expires-clock()), l.outgrow)
	return func() { timer.Stop() }
}

// outgrow marks a worker as one to be replaced: it goes on until a successor is ready.
func (l *link) outgrow() {
	l.mu.Lock()
	if l.leaving || l.buried || l.retiring != "" {
		l.mu.Unlock()
		return
	}
	l.expectLocked(ExitAge)
	l.goroutines.Add(1)
	defer l.goroutines.Done()
	l.mu.Unlock()
	l.replace()
}

// replace has a worker that is too old leave at once, if it is idle and there is a successor.
func (l *link) replace() {
	l.mu.Lock()
	ready := l.due == ExitAge && l.flight.len() == 0 && !l.streaming && !l.leaving && !l.buried && l.retiring == "" &&
		l.claimLocked()
	if ready {
		l.retiring = ExitAge
		l.goroutines.Add(1)
		defer l.goroutines.Done()
	}
	l.mu.Unlock()
	if ready {
		l.depart()
	}
}

// claimLocked takes a successor for the worker's seat, if there is one.
func (l *link) claimLocked() bool {
	p := l.pool
	if p.successorsReady.Load() == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.seat.next == nil {
		l.seat.next = p.takeSpareLocked()
	}
	return l.seat.next != nil
}

// expectLocked has a successor started for a worker that is to leave.
func (l *link) expectLocked(cause ExitCause) {
	if l.due != "" {
		if cause == ExitAge { // tasks that were taken back leave a worker that has had its number short of that
			l.due = cause
		}
		return
	}
	l.due = cause
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.pool.due++
	l.pool.wantSuccessorLocked()
}

// mostProcesses is how many worker processes there may be when workers are replaced as planned.
func (p *Pool) mostProcesses() int { return int(p.size.Load()) + p.options.Spares + 1 }

// wantSuccessorLocked wakes whoever starts successors, if one is called for and there is room for its process.
func (p *Pool) wantSuccessorLocked() {
	if p.due > 0 && p.processes < p.mostProcesses() {
		select {
		case p.wanted <- struct{}{}:
		default:
		}
	}
}

// succeed decides who comes after a worker that departs: a spare, or a process that may be started while it ends. It
// reports false if its place must wait for its end.
func (p *Pool) succeed(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unlistLocked(l)
	s := l.seat
	switch {
	case s == nil || p.lifetime.Err() != nil:
		return false
	case s.empty || s.number >= int(p.size.Load()):
		return true // nobody
	}
	if s.next == nil {
		s.next = p.takeSpareLocked()
	}
	if s.next != nil {
		return true
	}
	if p.processes < p.mostProcesses() {
		p.processes++
		s.reserved = true
	}
	return s.reserved
}

// recycles reports whether workers are replaced as planned, so that successors may be started before they go.
func (o *Options) recycles() bool { return o.MaxAge > 0 || o.MaxTasksPerChild > 0 }

// replaceIdle lets idle workers go that are due, as long as there are successors.
func (p *Pool) replaceIdle() {
	for _, s := range p.allSeats() {
		if p.successorsReady.Load() == 0 {
			return
		}
		if l := s.link.Load(); l != nil {
			l.replace()
		}
	}
}
