package pool

import (
	"context"
	"slices"
)

// waiter is a submission that waits for room in the queue.
type waiter struct {
	tasks   int
	bytes   int64
	granted chan struct{} // closed when the room was given, or err set
	err     error
}

// fitsLocked reports whether there is room for so much more in the queue. An empty one takes anything.
func (p *Pool) fitsLocked(tasks int, size int64) bool {
	return p.queued == 0 || p.queued+tasks <= p.options.QueueTasks && p.bytes+size <= p.options.QueueBytes
}

// submit puts the tasks of one job into the queue, behind what is there, and sends to idle workers. It blocks
// while the queue is full. Either all are submitted or, with an error, none. Only a call that begin announced
// may submit to a pool that is shutting down.
func (p *Pool) submit(ctx context.Context, tasks []task) error {
	if len(tasks) == 0 {
		return nil
	}
	size := int64(0)
	for _, t := range tasks {
		size += int64(len(t.arg))
	}
	p.mu.Lock()
	if err := p.enterLocked(ctx, tasks[0].job, len(tasks), size); err != nil {
		p.mu.Unlock()
		return err
	}
	for _, t := range tasks {
		p.queue.pushBack(t)
	}
	if p.dispatchUnlock() && tasks[0].raw {
		p.prompt()
	}
	return nil
}

// submitOne is submit for one task, without a slice.
func (p *Pool) submitOne(ctx context.Context, t task) error {
	p.mu.Lock()
	if err := p.enterLocked(ctx, t.job, t.count(), int64(len(t.arg))); err != nil {
		p.mu.Unlock()
		return err
	}
	p.appendLocked(t)
	if p.dispatchUnlock() && t.raw {
		p.prompt()
	}
	return nil
}

// enterLocked admits a job's tasks to the queue: they are counted as submitted from then on, and the caller
// pushes them before it unlocks. It may unlock while it waits.
func (p *Pool) enterLocked(ctx context.Context, j *job, tasks int, size int64) error {
	if p.state == closed || p.state == draining && j.single || p.wasQuiet {
		return p.reason
	}
	if !p.fitsLocked(tasks, size) || len(p.waiters) > 0 {
		if err := p.awaitRoomLocked(ctx, tasks, size); err != nil {
			return err
		}
		p.reserved -= tasks
	} else {
		p.queued += tasks
		p.bytes += size
	}
	if err := p.turnedAwayLocked(j); err != nil {
		p.queued -= tasks
		p.bytes -= size
		p.grantLocked()
		p.checkQuietLocked()
		return err
	}
	j.queued += tasks
	j.queuedBytes += size
	p.submitted += uint64(tasks)
	return nil
}

// turnedAwayLocked returns why tasks that have room are not wanted any more.
func (p *Pool) turnedAwayLocked(j *job) error {
	if p.state == closed {
		return p.reason
	}
	return j.cause()
}

// awaitRoomLocked waits in line for room, and has it when it returns nil.
func (p *Pool) awaitRoomLocked(ctx context.Context, tasks int, size int64) error {
	w := &waiter{tasks: tasks, bytes: size, granted: make(chan struct{})}
	p.waiters = append(p.waiters, w)
	p.mu.Unlock()
	select {
	case <-w.granted:
		p.mu.Lock()
		return w.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	if at := slices.Index(p.waiters, w); at >= 0 {
		p.waiters = slices.Delete(p.waiters, at, at+1)
		return context.Cause(ctx)
	}
	return w.err // the room came first: whoever has it uses it
}

// grantLocked gives the room that there is to those who wait for it.
func (p *Pool) grantLocked() {
	for len(p.waiters) > 0 {
		w := p.waiters[0]
		if !p.fitsLocked(w.tasks, w.bytes) {
			return
		}
		p.waiters = p.waiters[1:]
		p.queued += w.tasks
		p.bytes += w.bytes
		p.reserved += w.tasks
		close(w.granted)
	}
}

// mostPrompt is how many large tasks a link is prompted to have in flight.
const mostPrompt = 4

// prompt has a link that is at work take a large task that nobody idle has taken, one with as few in flight as possible. It would do
// so by itself when a result comes, and by then its worker would have nothing to do.
func (p *Pool) prompt() {
	seats := p.allSeats()
	for aloft := 1; aloft < mostPrompt; aloft++ {
		for _, s := range seats {
			if l := s.link.Load(); l != nil && l.fillBehind(aloft) {
				return
			}
		}
	}
}

// dispatchUnlock lets idle links take what waits, and unlocks mu. It reports whether something is left.
func (p *Pool) dispatchUnlock() (left bool) {
	for p.queue.len() > 0 && len(p.idle) > 0 {
		l := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		l.idle = false
		p.mu.Unlock()
		l.fill()
		p.mu.Lock()
	}
	if len(p.vacant) > 0 {
		p.callLocked()
	}
	left = p.queue.len() > 0
	p.mu.Unlock()
	return left
}

// popLocked takes the first task out of the queue; false when its entry was withdrawn.
func (p *Pool) popLocked() (task, bool) {
	t := p.queue.popFront()
	if t.job.withdrawn {
		p.withdrawn--
		return task{}, false
	}
	p.countLocked(&t, -1)
	return t, true
}

// countLocked counts tasks that come into the queue, or leave it.
func (p *Pool) countLocked(t *task, sign int) {
	n, size := sign*t.count(), int64(sign)*int64(len(t.arg))
	p.queued += n
	p.bytes += size
	t.job.queued += n
	t.job.queuedBytes += size
}

// shiftLocked takes the first task out of the queue, or of a run what comes before rest.
func (p *Pool) shiftLocked(rest task) {
	if rest.run == 0 {
		p.popLocked()
		return
	}
	p.countLocked(p.queue.at(0), -1)
	p.countLocked(&rest, 1)
	*p.queue.at(0) = rest
}

// appendLocked puts a task that was admitted at the end of the queue. One that continues the run there joins it.
func (p *Pool) appendLocked(t task) {
	if t.run > 0 && p.queue.len() > 0 {
		if last := p.queue.at(p.queue.len() - 1); last.follows(&t) {
			last.arg = last.arg[:len(last.arg)+len(t.arg)]
			last.run += t.run
			return
		}
	}
	p.queue.pushBack(t)
}

// requeue puts tasks that were sent but never begun back at the head of the queue, in order.
func (p *Pool) requeue(tasks []task) {
	if len(tasks) == 0 {
		return
	}
	p.mu.Lock()
	p.requeueUnlock(tasks)
}

// requeueUnlock is requeue with mu held, which it unlocks.
func (p *Pool) requeueUnlock(tasks []task) {
	var dropped []task
	p.inflight -= tally(tasks)
	for _, t := range slices.Backward(tasks) {
		switch {
		case p.state == closed:
			p.outcomes[Abandoned] += uint64(t.count())
			dropped = append(dropped, t)
		case t.job.cause() != nil:
			p.outcomes[Cancelled] += uint64(t.count())
			dropped = append(dropped, t)
		default:
			p.queue.pushFront(t)
			p.countLocked(&t, 1)
		}
	}
	reason := p.reason
	p.checkQuietLocked()
	p.dispatchUnlock()
	for _, t := range slices.Backward(dropped) {
		o := outcome{kind: Cancelled, err: t.job.cause()}
		if o.err == nil {
			o = outcome{kind: Abandoned, err: reason}
		}
		t.settle(o)
	}
}

// cancel ends the tasks of a cancelled job: those in the queue here, those at workers through their links.
func (p *Pool) cancel(j *job, cause error) {
	var dropped []task
	p.mu.Lock()
	switch {
	case j.queued == 0:
	case j.single:
		j.withdrawn = true
		p.withdrawn++
		dropped = append(dropped, task{job: j})
	default:
		p.queue.remove(func(t task) bool {
			if t.job == j {
				dropped = append(dropped, t)
			}
			return t.job == j
		})
	}
	dropped = append(dropped, p.unrestLocked(j)...)
	p.queued -= j.queued
	p.bytes -= j.queuedBytes
	j.queued, j.queuedBytes = 0, 0
	p.outcomes[Cancelled] += uint64(tally(dropped))
	p.sweepLocked()
	p.grantLocked()
	p.checkQuietLocked()
	p.mu.Unlock()
	for _, t := range dropped {
		t.settle(outcome{kind: Cancelled, err: cause})
	}
	for _, s := range p.allSeats() {
		if l := s.link.Load(); l != nil {
			l.cancel(j, cause)
		}
	}
}

// sweepLocked clears withdrawn entries when they are the greater part of the queue.
func (p *Pool) sweepLocked() {
	if p.withdrawn > 64 && p.withdrawn > p.queue.len()/2 {
		p.queue.remove(func(t task) bool { return t.job.withdrawn })
		p.withdrawn = 0
	}
}

// suspend takes tasks out of the queue, in order, as if they were sent. They go back by requeue. A call that is yet to be
// withdrawn stays where it is.
func (p *Pool) suspend(owns func(*job) bool) []task {
	var taken []task
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.remove(func(t task) bool {
		if t.job.withdrawn || !owns(t.job) {
			return false
		}
		taken = append(taken, t)
		p.countLocked(&t, -1)
		return true
	})
	p.inflight += tally(taken)
	p.grantLocked()
	return taken
}
