package pool

import (
	"errors"
	"log/slog"
	stdsync "sync"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

// WorkerEventKind is what has happened to a worker.
type WorkerEventKind string

// The kinds. A worker starts, is ready or has failed to start, and exits; a spare waits in between, and is ready when it gets
// a place.
const (
	WorkerStarted WorkerEventKind = "start" // its process is about to be started
	WorkerSpare   WorkerEventKind = "spare" // it has started, and waits for a place
	WorkerReady   WorkerEventKind = "ready" // it gets tasks from now on
	WorkerExited  WorkerEventKind = "exit"  // its process is gone, or was never there
)

// WorkerEvent is what Options.OnWorker is told.
type WorkerEvent struct {
	Kind     WorkerEventKind
	Time     time.Time      // when it happened, which may be before it is told
	Worker   int            // the worker's number, from 1 on; 0 for a spare that has no place
	Name     string         // the worker's name, as ps shows it: not unique, a spare keeps its own when it gets a place; PID is
	PID      int            // its process id; 0 until it has started
	Cause    ExitCause      // of WorkerExited: why
	ExitCode int            // of WorkerExited: its exit status; -1 when a signal ended it, or when it is not known
	Signal   syscall.Signal // of WorkerExited: the signal that ended it, or 0
	Tasks    uint64         // of WorkerExited: how many tasks it has ended
	Err      error          // of WorkerExited: what was wrong, where it did not start, or broke a rule or limit
	Dropped  uint64         // how many events right before this one are not told, because too many waited
}

// mostEvents is how many events wait for OnWorker at most: those of some minutes in which workers are replaced all the time.
const mostEvents = 1 << 13

// events are on their way to Options.OnWorker.
type events struct {
	mu      stdsync.Mutex // guards the fields below
	waiting deque[WorkerEvent]
	telling bool
}

// tell has OnWorker called, in its turn. It does not block. No lock may be held.
func (p *Pool) tell(e WorkerEvent) {
	if p.options.OnWorker == nil {
		return
	}
	e.Time = time.Now()
	p.events.mu.Lock()
	defer p.events.mu.Unlock()
	if p.events.waiting.len() == mostEvents {
		dropped := p.events.waiting.popFront()
		p.events.waiting.at(0).Dropped += dropped.Dropped + 1
	}
	p.events.waiting.pushBack(e)
	if !p.events.telling {
		p.events.telling = true
		p.callback(p.tellAll)
	}
}

// tellAll calls OnWorker until nothing waits. Shutdown and Close wait for it.
func (p *Pool) tellAll() {
	for {
		p.events.mu.Lock()
		if p.events.waiting.len() == 0 {
			p.events.telling = false
			p.events.mu.Unlock()
			return
		}
		e := p.events.waiting.popFront()
		p.events.mu.Unlock()
		p.options.OnWorker(e)
	}
}

// starts tells that a process is about to be started.
func (s *seat) starts() {
	s.pool.log(slog.LevelDebug, "worker starts", s.pool.about(aboutWorker(s.number+1, s.name, 0)...))
	s.pool.tell(WorkerEvent{Kind: WorkerStarted, Worker: s.number + 1, Name: s.name})
}

// failed tells that it could not be started.
func (s *seat) failed(err error) {
	e := WorkerEvent{
		Kind: WorkerExited, Worker: s.number + 1, Name: s.name, Cause: ExitNotStarted, ExitCode: -1, Err: err,
	}
	if s.pool.lifetime.Err() != nil {
		e.Cause = ExitShutdown
	}
	var start *spawn.StartError
	if errors.As(err, &start) {
		e.PID, e.ExitCode, e.Signal = start.Exit.PID, start.Exit.Code, start.Exit.Signal
	}
	level := slog.LevelWarn
	if e.Cause == ExitShutdown {
		level = slog.LevelInfo
	}
	attributes := append(exited(e.ExitCode, e.Signal), slog.String("cause", string(e.Cause)), slog.Any("error", err))
	s.pool.log(level, "worker did not start", s.pool.about(aboutWorker(e.Worker, s.name, e.PID)...), attributes...)
	s.pool.tell(e)
}

// number returns the worker's number, 0 for a spare.
func (l *link) number() int {
	if l.seat == nil {
		return 0
	}
	return l.seat.number + 1
}

// announce tells that a worker is ready, or waits as a spare.
func (l *link) announce(kind WorkerEventKind, message string) {
	l.log(slog.LevelInfo, message)
	l.pool.tell(WorkerEvent{Kind: kind, Worker: l.number(), Name: l.process.Name(), PID: l.process.PID()})
}

// report tells that a worker that was buried is gone, and which task with it.
func (l *link) report() {
	l.mu.Lock()
	cause, fault, tasks, victim := l.causeLocked(), l.fault, l.ended, l.victim
	l.mu.Unlock()
	code, signal := l.process.ExitCode(), l.process.Signal()
	attributes := append(exited(code, signal), slog.String("cause", string(cause)), slog.Uint64("tasks", tasks))
	if fault != nil {
		attributes = append(attributes, slog.Any("error", fault))
	}
	about := l.pool.about(append(l.about(), victim...)...)
	l.pool.log(exitLevel(cause, signal), "worker ended", about, attributes...)
	l.pool.tell(WorkerEvent{
		Kind: WorkerExited, Worker: l.number(), Name: l.process.Name(), PID: l.process.PID(),
		Cause: cause, ExitCode: code, Signal: signal, Tasks: tasks, Err: fault,
	})
}

// exitLevel is Warn where a worker's exit was not planned, or had to be forced.
func exitLevel(cause ExitCause, signal syscall.Signal) slog.Level {
	switch cause {
	case ExitCrashed, ExitBroken, ExitMemory, ExitTimedOut:
		return slog.LevelWarn
	}
	if signal == syscall.SIGKILL {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// causeLocked returns why a worker that was buried is gone.
func (l *link) causeLocked() ExitCause {
	switch {
	case l.excessLocked() != nil:
		return ExitMemory
	case l.fault != nil:
		return ExitBroken
	case !l.dismissed:
		return ExitCrashed
	case l.ousted != "":
		return l.ousted
	case l.retiring != "":
		return l.retiring
	case l.seat == nil && l.pool.lifetime.Err() == nil:
		return ExitSurplus
	}
	return ExitShutdown
}
