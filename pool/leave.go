package pool

import (
	"context"
	"errors"
	"log/slog"
	"slices"
)

// retire sends a worker home that is to be replaced, or that has run as many tasks as it may, when it has run all that it
// has begun.
func (l *link) retire() {
	most := l.pool.options.MaxTasksPerChild
	l.mu.Lock()
	if l.leaving {
		l.mu.Unlock()
		return
	}
	var recalled []task
	switch {
	case l.retiring != "":
	case most > 0 && l.sent >= most && l.flight.len() == 0:
		l.retiring = ExitTasks
	case l.due != "" && l.due != ExitTasks && l.claimLocked():
		l.retiring = l.due
		recalled = l.recallLocked(0, nil)
	}
	over := l.retiring != "" && l.flight.len() == 0
	l.mu.Unlock()
	l.pool.requeue(recalled)
	if over {
		l.depart()
	}
}

// release has the worker leave when it has run what it has begun; what it was sent ahead goes back to the queue. It reports
// false for one that is leaving already, or that is not idle where it is to be.
func (l *link) release(cause ExitCause, idle bool) bool {
	l.mu.Lock()
	if l.leaving || l.buried || l.retiring != "" || idle && (l.flight.len() > 0 || l.streaming) {
		l.mu.Unlock()
		return false
	}
	l.goroutines.Add(1)
	defer l.goroutines.Done()
	l.retiring = cause
	recalled := l.recallLocked(0, nil)
	over := l.flight.len() == 0
	l.mu.Unlock()
	l.pool.requeue(recalled)
	if over {
		l.depart()
	}
	return true
}

// depart lets go of a worker that has nothing to do. Its place is free at once, unless there would be too many processes then.
func (l *link) depart() {
	l.dismiss()
	if l.pool.succeed(l) {
		l.vacate()
	}
}

// vacate has the seat go on: the worker has nothing to do any more, and gets nothing.
func (l *link) vacate() { l.vacating.Do(func() { close(l.vacated) }) }

// dismiss lets the worker go: it is asked to, which cancels the task that it runs, if any; what takes longer than
// the grace is killed with all that it started. It does not wait.
func (l *link) dismiss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaving || l.buried {
		return
	}
	l.leaving = true
	recalled := l.recallLocked(0, nil)
	l.endings.Go(func() {
		l.pool.requeue(recalled)
		if err := l.process.Shutdown(context.Background()); err != nil {
			l.log(slog.LevelError, "cannot end a worker and what it started", slog.Any("error", err))
		}
	})
}

// refused reports whether the pool was closed, so that nobody waits for results.
func (p *Pool) refused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state == closed
}

// errLingers is why a worker that was to leave is killed.
var errLingers = errors.New("it has not ended within the grace")

// awaitExit waits until the process is gone, and sees to it that it goes.
func (l *link) awaitExit() {
	if !l.within(nil) {
		l.log(slog.LevelWarn, "killing a worker and all that it started", slog.Any("cause", errLingers))
		l.killTree()
		<-l.process.Done()
	}
}

// bury settles what a worker that is gone had in flight: what it had begun is lost, the rest goes back to the
// queue. What is to be run again is kept until nothing is left of the worker: see clear.
func (l *link) bury() {
	l.pool.forget(l)
	l.hearKernel()
	l.collectLogs()
	l.mu.Lock()
	l.dismissed = l.leaving
	l.leaving, l.buried = true, true
	l.hearLocked()
	l.timer.Stop()
	l.trimmer.Stop()
	var verdicts []verdict
	var again []task
	for ; l.flight.len() > 0; l.base++ {
		f := l.flight.popFront()
		switch {
		case f.recalled:
		case f.run != nil:
			verdicts, again = l.wreckLocked(&f, verdicts, again)
		case l.shared.claimed(l.base):
			if v := (verdict{task: f.task, outcome: l.loseLocked(f.task)}); v.mayRepeat() {
				l.held = append(l.held, v)
			} else {
				verdicts = append(verdicts, v)
			}
		default:
			again = append(again, f.task)
		}
	}
	if l.condemned != nil {
		close(l.condemned.over)
		l.condemned = nil
	}
	l.pool.ahead.Add(int64(1 - l.target))
	l.mu.Unlock()
	l.pool.requeue(again)
	l.pool.settle(verdicts)
	_ = l.data.Close() // both ends are done with it
	l.logs.end()
}

// clear frees what was held for a worker that was buried, and waits until nothing is left of it. Then its tasks that may be
// run again are. What is freed first needs no time when the last of many workers is swept after.
func (l *link) clear() {
	l.goroutines.Wait()
	if err := errors.Join(l.shared.close(), l.arena.close()); err != nil {
		l.log(slog.LevelError, "cannot unmap a worker's memory", slog.Any("error", err))
	}
	l.endings.Wait()
	<-l.process.Swept()
	l.dissolve()
	l.pool.settle(l.held)
}

// loseLocked makes the outcome of a task whose worker died while it ran.
func (l *link) loseLocked(t task) outcome {
	l.victim = aboutTask(t, t.job.attempt(t.index))
	if s := l.condemned; s != nil && s.sequence == l.base {
		return outcome{kind: s.kind, err: s.cause}
	}
	if o, ok := l.outOfMemoryLocked(t); ok {
		return o
	}
	if l.pool.refused() {
		return outcome{kind: Abandoned, err: l.pool.refusal()}
	}
	lost := &WorkerLostError{
		Function: t.job.entry.name, PID: l.process.PID(), ExitCode: l.process.ExitCode(), Signal: l.process.Signal(),
		Crash: l.process.CrashOutput(), Stderr: l.process.StderrTail(),
	}
	if l.fault != nil {
		lost.Cause = l.fault.Error()
	}
	return outcome{kind: Lost, err: lost}
}

// forget takes a link that is gone off the books.
func (p *Pool) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unlistLocked(l)
	p.processes--
	p.wantSuccessorLocked()
}

// unlistLocked takes a link off the list of idle ones.
func (p *Pool) unlistLocked(l *link) {
	if at := slices.Index(p.idle, l); at >= 0 {
		p.idle = slices.Delete(p.idle, at, at+1)
	}
	l.idle = false
}
