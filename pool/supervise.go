package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"
)

// stallTime is how long a worker may make no progress though it runs no task, before it is given up. Each time in a
// row doubles it, for machines that are that slow.
const stallTime = 3 * time.Second

// tickEvery is after how long without progress a link takes back what it had sent ahead.
const tickEvery = 10 * time.Millisecond

// sentence is what is done about a begun task that must end: its context is cancelled, then its worker gets
// SIGTERM, then SIGKILL, a grace apart, until over is closed.
type sentence struct {
	sequence uint64
	kind     Outcome // TimedOut or Cancelled
	cause    error
	task     task
	over     chan struct{}
}

// armLocked has tick called after d at the latest.
func (l *link) armLocked(d time.Duration) {
	at := clock() + int64(d)
	if l.leaving || l.armed != 0 && l.armed <= at {
		return
	}
	l.armed = at
	l.timer.Reset(d)
}

// tick looks after the worker: see inspectLocked.
func (l *link) tick() {
	l.mu.Lock()
	l.armed = 0
	if l.leaving {
		l.mu.Unlock()
		return
	}
	l.goroutines.Add(1)
	defer l.goroutines.Done()
	var verdicts []verdict
	if l.parked.Load() && l.ripeLocked() { // the worker was stopped before it could ring
		var buffer []byte
		verdicts, _ = l.harvestLocked(l.flight.at(0), nil, &buffer) // serve finds out what is wrong
	}
	recalled, next := l.inspectLocked(clock())
	if next > 0 {
		l.armLocked(next)
	}
	l.mu.Unlock()
	l.pool.settle(verdicts)
	l.pool.requeue(recalled)
}

// errStalled is the fault of a worker that makes no progress though it runs no task: it was stopped, or it hangs.
var errStalled = errors.New("it has stopped, between tasks or in the middle of a result")

// inspectLocked looks at the first task in flight: one past its deadline is condemned, and when it makes no
// progress, those behind it are taken back for other workers. A worker that does not even begin what it was sent is
// given up. It returns the tasks taken back, and after how long to look again, 0 for when there is something new: a
// task that runs alone is looked at when its deadline has come.
func (l *link) inspectLocked(now int64) (recalled []task, next time.Duration) {
	if l.flight.len() == 0 {
		return nil, 0
	}
	if moved := l.moved.count.Load(); l.base+l.ended != l.watched || moved != l.watchedBytes {
		l.watched, l.watchedBytes, l.watchedSince = l.base+l.ended, moved, now
	}
	still := time.Duration(now - l.watchedSince)
	head := l.flight.at(0)
	switch {
	case l.shared.resultsWait() && !l.receiving:
		if l.parked.Load() && still > l.patience { // it was stopped before it could ring; its results are safe
			l.blameLocked(errStalled)
			return nil, 0
		}
		return nil, tickEvery // serve is about to take them
	case l.receiving || head.recalled || !l.begunLocked(head, l.base):
		if still > l.patience {
			l.blameLocked(errStalled)
			return nil, 0
		}
		if !l.receiving && !l.streaming {
			recalled, _ = l.relieveLocked(0, still)
		}
		return recalled, tickEvery
	}
	recalled, next = l.relieveLocked(1-btoi(head.run != nil), still)
	if l.condemned != nil {
		return recalled, next
	}
	left := l.overdueLocked(head.task)
	switch {
	case head.job.cause() != nil:
		return append(recalled, l.condemnLocked(l.base, Cancelled, head.job.cause())...), 0
	case head.job.timeout > 0 && left <= 0:
		return append(recalled, l.condemnLocked(l.base, TimedOut, timeoutError(head.task))...), 0
	case head.job.timeout > 0 && (next == 0 || left < next):
		next = left
	}
	return recalled, next
}

// relieveLocked takes back the tasks in flight from the i-th on, if there was no progress for tickEvery and there are
// other workers to run them. It returns after how long to try again, 0 if there is nothing to take back.
func (l *link) relieveLocked(from int, still time.Duration) ([]task, time.Duration) {
	if l.pool.size.Load() == 1 || l.flight.len() <= from || l.flight.at(l.flight.len()-1).recalled {
		return nil, 0
	}
	if still < tickEvery {
		return nil, tickEvery
	}
	return l.recallLocked(from, nil), 0
}

func timeoutError(t task) error {
	return fmt.Errorf("%w: %s ran longer than %v", ErrTaskTimeout, t.job.entry.name, t.job.timeout)
}

// claimedAtLocked returns when the first task in flight was begun, as far as the worker can be believed.
func (l *link) claimedAtLocked() int64 {
	return min(max(int64(l.shared.word(wordClaimedAt).Load()), l.since), clock())
}

// overdueLocked returns how long the first task in flight may still run.
func (l *link) overdueLocked(t task) time.Duration {
	return t.job.timeout - time.Duration(clock()-l.claimedAtLocked())
}

// condemnLocked begins to end a begun task, and takes back those behind it, which it returns.
func (l *link) condemnLocked(sequence uint64, kind Outcome, cause error) []task {
	s := &sentence{
		sequence: sequence, kind: kind, cause: cause, over: make(chan struct{}),
		task: l.flight.at(int(sequence - l.base)).task,
	}
	l.condemned = s
	l.goroutines.Go(func() { l.execute(s) })
	return l.recallLocked(0, nil)
}

// execute carries a sentence out, step by step, until the task has ended or the worker is gone.
func (l *link) execute(s *sentence) {
	level := slog.LevelInfo
	if s.kind == TimedOut {
		level = slog.LevelWarn
	}
	l.logTask(level, "task is to end", s.task, slog.String("outcome", s.kind.String()), slog.Any("cause", s.cause))
	l.order(&order{Cancel: s.sequence})
	if l.within(s.over) || !l.seize(s) {
		return
	}
	l.logTask(slog.LevelWarn, "task takes no notice of its cancellation; terminating its worker", s.task, slog.Any("cause", s.cause))
	_ = l.process.SignalTree(syscall.SIGTERM) // gone already is as good
	if !l.within(nil) {
		l.logTask(slog.LevelWarn, "killing a worker and all that it started", s.task, slog.Any("cause", s.cause))
		l.killTree()
	}
}

// seize reserves the worker for its end, unless the task that is to end with it has ended: then it may be running
// another one.
func (l *link) seize(s *sentence) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.condemned != s {
		return false
	}
	l.leaving = true
	if l.ousted = ExitCancelled; s.kind == TimedOut {
		l.ousted = ExitTimedOut
	}
	return true
}

// within reports whether over was closed, or the worker went, within the grace. A nil over is never closed.
func (l *link) within(over <-chan struct{}) bool {
	timer := time.NewTimer(l.pool.options.Grace)
	defer timer.Stop()
	select {
	case <-over:
		return true
	case <-l.process.Done():
		return true
	case <-timer.C:
		return false
	}
}

func (l *link) killTree() {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	_ = l.group.kill() // what follows finds all but what hides; the rest ends when the cgroup is removed
	if err := l.process.KillTree(ctx); err != nil {
		l.log(slog.LevelError, "cannot kill a worker and what it started", slog.Any("error", err))
	}
}

// killTime bounds how long a kill is repeated until nothing is left.
const killTime = 5 * time.Second

// order sends an order to the worker. One that takes none is dealt with by whoever sent it.
func (l *link) order(o *order) {
	message, err := o.MarshalMsg(nil)
	if err != nil {
		panic(err) // an order always has an encoding
	}
	_ = l.process.Order(message)
}

// cancel ends the tasks of a job: those not begun at once, the one that runs by a sentence.
func (l *link) cancel(j *job, cause error) {
	l.mu.Lock()
	if l.buried {
		l.mu.Unlock()
		return
	}
	l.goroutines.Add(1)
	defer l.goroutines.Done()
	dropped := l.recallLocked(0, func(t task) bool { return t.job == j })
	var recalled []task
	if l.condemned == nil {
		for i := l.flight.len() - 1; i >= 0; i-- {
			if f := l.flight.at(i); !f.recalled && f.job == j {
				recalled = l.condemnLocked(l.base+uint64(i), Cancelled, cause)
				break
			}
		}
	}
	l.armLocked(tickEvery)
	l.mu.Unlock()
	l.pool.requeue(recalled)
	verdicts := make([]verdict, len(dropped))
	for i, t := range dropped {
		verdicts[i] = verdict{task: t, outcome: outcome{kind: Cancelled, err: cause}}
	}
	l.pool.conclude(verdicts)
}

// blame ends a worker that broke the rules, and keeps why.
func (l *link) blame(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blameLocked(err)
}

func (l *link) blameLocked(err error) {
	if l.fault == nil {
		l.fault = err
		l.endings.Go(l.killTree)
	}
}
