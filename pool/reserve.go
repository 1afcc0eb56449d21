package pool

import (
	"fmt"
	"slices"
	"time"
)

// A reserve is a place for one worker that is ready and waits for a seat: a spare, or the successor of a worker that is to be
// replaced.
type reserve struct {
	seat      *seat // it has no number
	successor bool  // only while one is called for
}

// startReserves starts what keeps workers ready.
func (p *Pool) startReserves() {
	for n := range p.options.Spares {
		r := &reserve{seat: &seat{pool: p, number: -1, name: p.reserveName(n)}}
		p.seating.Go(r.run)
	}
	if p.options.recycles() {
		r := &reserve{seat: &seat{pool: p, number: -1, name: p.reserveName(p.options.Spares)}, successor: true}
		p.seating.Go(r.run)
	}
}

// run keeps one worker ready until the pool ends.
func (r *reserve) run() {
	p := r.seat.pool
	defer r.seat.burials.Wait()
	select {
	case <-p.started: // the first workers come first
	case <-p.lifetime.Done():
	}
	failures := 0
	for r.await() {
		l, err := r.seat.hire()
		switch {
		case err == nil && r.keep(l):
			failures = 0
		case p.lifetime.Err() == nil:
			failures++
			r.seat.pause(failures)
		}
	}
}

// await blocks until a worker is wanted, for which there is room, and reports false when the pool ends.
func (r *reserve) await() bool {
	p := r.seat.pool
	for r.successor {
		p.mu.Lock()
		if p.due > 0 && len(p.ready) == 0 && p.processes < p.mostProcesses() {
			p.processes++
			r.seat.reserved = true
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
		select {
		case <-p.wanted:
		case <-p.lifetime.Done():
			return false
		}
	}
	return p.lifetime.Err() == nil
}

// keep has a worker wait until it is taken, has died, is too old, or not wanted any more. It reports false if it has died.
func (r *reserve) keep(l *link) bool {
	p := r.seat.pool
	unlimit := l.limitMemory()
	l.announce(WorkerSpare, "spare worker ready")
	lived := true
	if r.offer(l) {
		p.replaceIdle()
		lived = r.wait(l)
	}
	unlimit()
	if !p.withdraw(l) {
		return true // it has a seat
	}
	if lived {
		l.dismiss()
	}
	r.seat.burials.Go(func() {
		l.awaitExit()
		l.bury()
		l.report()
		l.clear()
	})
	return lived
}

// wait returns when a worker is to wait no longer, with false if it has died.
func (r *reserve) wait(l *link) (lived bool) {
	p := r.seat.pool
	var old <-chan time.Time
	if l.expires > 0 {
		timer := time.NewTimer(time.Duration(l.expires - clock()))
		defer timer.Stop()
		old = timer.C
	}
	for {
		select {
		case <-l.taken:
		case <-l.process.Done():
			return false
		case <-p.lifetime.Done():
		case <-old:
			if left := r.renew(l); left > 0 {
				old = time.After(left)
				continue
			}
		}
		return true
	}
}

// renew has the age of a successor for which a worker with a long task has no use yet count anew: one like it would have to be
// started at once. It returns how long it may wait then, 0 for no longer.
func (r *reserve) renew(l *link) time.Duration {
	p := r.seat.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-l.taken:
		return 0
	default:
	}
	if !r.successor || p.due == 0 {
		return 0
	}
	left := p.options.lifespan()
	l.expires = clock() + int64(left)
	return left
}

// offer makes a worker one that seats may take. It reports false if nobody wants it any more.
func (r *reserve) offer(l *link) bool {
	p := r.seat.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.successor && p.due == 0 || p.lifetime.Err() != nil {
		return false
	}
	p.ready = append(p.ready, l)
	p.successorsReady.Store(int64(len(p.ready)))
	return true
}

// withdraw takes a worker back from those that seats may take. It reports false for one that was taken.
func (p *Pool) withdraw(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-l.taken:
		return false
	default:
	}
	p.ready = slices.DeleteFunc(p.ready, func(other *link) bool { return other == l })
	p.successorsReady.Store(int64(len(p.ready)))
	return true
}

// takeSpareLocked takes a worker that is ready, nil if there is none.
func (p *Pool) takeSpareLocked() *link {
	for len(p.ready) > 0 {
		l := p.ready[0]
		p.ready = p.ready[1:]
		p.successorsReady.Store(int64(len(p.ready)))
		select {
		case <-l.process.Done():
		default:
			close(l.taken)
			return l
		}
	}
	return nil
}

func (p *Pool) reserveName(n int) string { return fmt.Sprintf("%s-spare-%d", p.options.Name, n+1) }
