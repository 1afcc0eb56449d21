package pool

import "time"

// shrink lets workers go that have been idle for IdleTimeout, but for MinWorkers, until the pool ends.
func (p *Pool) shrink() {
	timer := time.NewTimer(p.options.IdleTimeout)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-p.lifetime.Done():
			return
		}
		for {
			l, next := p.longestIdle(clock())
			if l == nil {
				timer.Reset(next)
				break
			}
			if !l.release(ExitIdle, true) {
				p.reseat(l.seat) // it got a task after all
			}
		}
	}
}

// longestIdle takes the worker off the list of idle ones that has been there longest, if that is longer than it may and
// others are left. Its seat is empty then. Otherwise it returns after how long to look again.
func (p *Pool) longestIdle(now int64) (l *link, next time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 || p.filled <= p.options.MinWorkers {
		return nil, p.options.IdleTimeout
	}
	l = p.idle[0]
	if left := p.options.IdleTimeout - time.Duration(now-l.idleSince); left > 0 {
		return nil, left
	}
	p.unlistLocked(l)
	if !l.seat.empty && l.seat.number < int(p.size.Load()) {
		l.seat.empty = true
		p.filled--
	}
	return l, 0
}

// reseat undoes what longestIdle did to a seat.
func (p *Pool) reseat(s *seat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.empty && !s.listed && s.number < int(p.size.Load()) {
		s.empty = false
		p.filled++
	}
}

// arrived uncounts a worker that was called by a task that waits: it is there, or could not be started.
func (s *seat) arrived() {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.coming {
		s.coming = false
		p.called--
	}
}

// callLocked has seats filled again whose workers left because they had nothing to do, one for each task that waits and
// for which none was called yet.
func (p *Pool) callLocked() {
	for len(p.vacant) > 0 && p.called < p.queued-p.reserved {
		s := p.vacant[len(p.vacant)-1]
		p.vacant = p.vacant[:len(p.vacant)-1]
		s.listed = false
		p.fillLocked(s)
		s.wake()
	}
}

func (p *Pool) fillLocked(s *seat) {
	s.empty, s.coming = false, true
	p.filled++
	p.called++
}

// wake has await look again.
func (s *seat) wake() {
	select {
	case s.call <- struct{}{}:
	default:
	}
}

// await blocks while the seat is to stay empty, and reports false when the pool ends.
func (s *seat) await() bool {
	p := s.pool
	for p.lifetime.Err() == nil {
		if s.wanted() {
			return true
		}
		select {
		case <-s.call:
		case <-p.lifetime.Done():
		}
	}
	return false
}

// wanted reports whether the seat is to have a worker. If not it is on the list of those that can be called.
func (s *seat) wanted() bool {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case s.next != nil: // it has left those that wait for a seat
		return true
	case s.number >= int(p.size.Load()):
		s.unpromiseLocked()
		return false
	case !s.empty:
		return true
	case p.called < p.queued-p.reserved:
		p.fillLocked(s)
		return true
	case !s.listed:
		s.unpromiseLocked()
		s.listed = true
		p.vacant = append(p.vacant, s)
	}
	return false
}

// unpromiseLocked takes back what was counted for a worker that does not come.
func (s *seat) unpromiseLocked() {
	if s.coming {
		s.coming = false
		s.pool.called--
	}
	if s.reserved {
		s.reserved = false
		s.pool.processes--
		s.pool.wantSuccessorLocked()
	}
}
