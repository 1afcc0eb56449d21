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
	p.dispatchUnlock()
	return nil
}

// submitOne is submit for one task, without a slice.
func (p *Pool) submitOne(ctx context.Context, t task) error {
	p.mu.Lock()
	if err := p.enterLocked(ctx, t.job, 1, int64(len(t.arg))); err != nil {
		p.mu.Unlock()
		return err
	}
	p.queue.pushBack(t)
	p.dispatchUnlock()
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

// dispatchUnlock lets idle links take what waits, and unlocks mu.
func (p *Pool) dispatchUnlock() {
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
	p.mu.Unlock()
}

// popLocked takes the first task out of the queue; false when its entry was withdrawn.
func (p *Pool) popLocked() (task, bool) {
	t := p.queue.popFront()
	if t.job.withdrawn {
		p.withdrawn--
		return task{}, false
	}
	p.queued--
	p.bytes -= int64(len(t.arg))
	t.job.queued--
	t.job.queuedBytes -= int64(len(t.arg))
	return t, true
}

// requeue puts tasks that were sent but never begun back at the head of the queue, in order.
func (p *Pool) requeue(tasks []task) {
	if len(tasks) == 0 {
		return
	}
	var dropped []task
	p.mu.Lock()
	p.inflight -= len(tasks)
	for _, t := range slices.Backward(tasks) {
		switch {
		case p.state == closed:
			p.outcomes[Abandoned]++
			dropped = append(dropped, t)
		case t.job.cause() != nil:
			p.outcomes[Cancelled]++
			dropped = append(dropped, t)
		default:
			p.queue.pushFront(t)
			p.queued++
			p.bytes += int64(len(t.arg))
			t.job.queued++
			t.job.queuedBytes += int64(len(t.arg))
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
		t.job.settle(t.index, o)
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
	p.outcomes[Cancelled] += uint64(len(dropped))
	p.sweepLocked()
	p.grantLocked()
	p.checkQuietLocked()
	p.mu.Unlock()
	for _, t := range dropped {
		j.settle(t.index, outcome{kind: Cancelled, err: cause})
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
		p.queued--
		p.bytes -= int64(len(t.arg))
		t.job.queued--
		t.job.queuedBytes -= int64(len(t.arg))
		return true
	})
	p.inflight += len(taken)
	p.grantLocked()
	return taken
}
