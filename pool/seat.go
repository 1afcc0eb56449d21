package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	stdsync "sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

// seat is a place for one worker. It starts a process, serves it through a link until it is gone, and starts
// the next, until the pool ends.
type seat struct {
	pool    *Pool
	number  int                  // from 0 on, -1 for none
	name    string               // as ps shows it
	link    atomic.Pointer[link] // nil while no worker is there
	stalls  int                  // workers in a row that were given up because they stalled; of run alone
	call    chan struct{}        // has await look again
	burials stdsync.WaitGroup    // of workers that have left the seat

	// Guarded by the pool's mu.
	empty    bool  // no worker is wanted until a task waits
	listed   bool  // in the pool's list of seats that may be called
	coming   bool  // its worker was called by a task that waits
	next     *link // the worker that takes the seat next
	reserved bool  // the process that is to be started next is counted already
}

func (p *Pool) newSeat(number int) *seat {
	return &seat{
		pool: p, number: number, name: fmt.Sprintf("%s-%d", p.options.Name, number+1), call: make(chan struct{}, 1),
	}
}

// run fills the seat until the pool ends.
func (s *seat) run() {
	p := s.pool
	defer s.burials.Wait()
	defer s.dismissNext()
	failures := 0
	for s.await() {
		l, starting, err := s.recruit()
		s.arrived()
		switch {
		case err == nil:
			s.employ(l)
			if err = l.useless(); p.judgeUse(err) {
				_ = p.fallen(err) // those who use the pool are told
				return
			}
			if err == nil {
				failures = 0
				continue
			}
		case p.lifetime.Err() != nil:
			continue // the start was cut short
		default:
			if p.startFailed(err, starting) {
				_ = p.fallen(err)
				return
			}
		}
		failures++
		s.pause(failures)
	}
}

// recruit returns a worker that is ready: a spare, or a new one. With an error it returns how many others are starting.
func (s *seat) recruit() (l *link, starting int64, err error) {
	p := s.pool
	if l = s.successor(); l != nil {
		p.startSucceeded()
		return l, 0, nil
	}
	p.starting.Add(1)
	if l, err = s.hire(); err == nil {
		p.startSucceeded()
	}
	return l, p.starting.Add(-1), err
}

// successor returns the worker that is to take the seat, nil if one must be started.
func (s *seat) successor() *link {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	l := s.next
	s.next = nil
	if l == nil && !s.reserved {
		l = p.takeSpareLocked()
	}
	return l
}

// dismissNext ends the worker that was to take the seat next, when the pool ends.
func (s *seat) dismissNext() {
	s.pool.mu.Lock()
	l := s.next
	s.next = nil
	s.pool.mu.Unlock()
	if l != nil {
		s.pool.startSucceeded()
		s.employ(l)
	}
}

// employ gives the seat to a worker, until that is gone or has nothing to do any more.
func (s *seat) employ(l *link) {
	p := s.pool
	l.patience <<= min(s.stalls, 8)
	l.seat = s
	s.link.Store(l)
	l.announce(WorkerReady, "worker ready")
	s.burials.Go(func() { s.serve(l) })
	if s.number >= int(p.size.Load()) {
		l.release(ExitResized, false)
	}
	<-l.vacated
	s.link.Store(nil)
	l.mu.Lock()
	due, fault := l.due != "", l.fault
	l.mu.Unlock()
	p.mu.Lock()
	p.living--
	if due {
		p.due--
	}
	p.mu.Unlock()
	if s.stalls++; !errors.Is(fault, errStalled) {
		s.stalls = 0
	}
}

// serve serves a worker from its Hello to its end.
func (s *seat) serve(l *link) {
	unwatch := context.AfterFunc(s.pool.lifetime, l.dismiss)
	unlimit, unage := l.limitMemory(), l.limitAge()
	l.serve()
	unage()
	unlimit()
	unwatch()
	l.bury()
	l.vacate()
	l.report()
	l.clear()
}

// hire starts a worker and returns its link when it has said Hello.
func (s *seat) hire() (_ *link, err error) {
	s.countProcess()
	s.starts()
	defer func() {
		if err != nil {
			s.failed(err)
			s.pool.uncountProcess()
		}
	}()
	memory, large, memoryFile, err := newShared()
	if err != nil {
		return nil, err
	}
	files := []*os.File{memoryFile}
	logs, err := s.pool.openLogs(&files)
	if err != nil {
		return nil, errors.Join(joinClose(err, files...), memory.close())
	}
	l, err := s.connect(memory, large, &files)
	if err == nil && large != nil {
		files = files[1:] // the arena keeps it
	}
	closed := joinClose(nil, files...)
	if err != nil {
		logs.flush()
		return nil, errors.Join(err, closed, memory.close())
	}
	if closed != nil { // the worker has them, and it has started
		l.log(slog.LevelWarn, "cannot close what a worker has inherited", slog.Any("error", closed))
	}
	l.forwardLogs(logs)
	return l, nil
}

// connect makes the socket of a link and starts the worker at its other end. What is to be closed is
// appended to files.
func (s *seat) connect(memory *shared, large *arena, files *[]*os.File) (*link, error) {
	memories := slices.Clone(*files)
	data, theirData, err := socketPair("data")
	if err != nil {
		return nil, err
	}
	*files = append(*files, theirData)
	argument, err := s.setup().MarshalMsg(nil)
	if err != nil {
		return nil, joinClose(err, data)
	}
	ctx, cancel := context.WithTimeoutCause(s.pool.lifetime, s.pool.options.StartTimeout, s.pool.notReady)
	defer cancel()
	group, process, err := s.startIn(ctx, argument, append([]*os.File{theirData}, memories...))
	if err != nil {
		return nil, joinClose(err, data)
	}
	l, err := newLink(s.pool, process, memory, large, data)
	if err != nil {
		kill, cancel := context.WithTimeout(context.Background(), killTime)
		defer cancel()
		return nil, errors.Join(err, process.KillTree(kill), group.remove())
	}
	l.group = group
	return l, nil
}

// countProcess counts a process that is about to be started, unless it was counted when it was promised.
func (s *seat) countProcess() {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.reserved {
		p.processes++
	}
	s.reserved = false
}

func (p *Pool) uncountProcess() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.processes--
	p.wantSuccessorLocked()
}

var errNotReady = errors.New("pool: the worker was not ready within StartTimeout")

func (s *seat) setup() *setup {
	o := s.pool.options
	made := &setup{Functions: functions.digest[:], MaxPayload: o.MaxPayload}
	if o.ForwardLogs != nil {
		made.Logs, made.LogLevel = true, int64(o.ForwardLogs.Level())
	}
	if o.Initializer != nil {
		made.Initializer, made.Argument = o.Initializer.name, o.Initializer.argument
	}
	return made
}

func (s *seat) spawnOptions() *spawn.Options {
	o := s.pool.options
	var made spawn.Options
	if o.Spawn != nil {
		made = *o.Spawn
	}
	made.Name = s.name
	made.Procs = o.Procs
	made.MemoryLimit = o.softMemoryLimit()
	made.Grace = o.Grace
	return &made
}

// pause waits before the next try: longer each time, up to two seconds, with jitter.
func (s *seat) pause(failures int) {
	d := min(10*time.Millisecond<<min(failures, 10), 2*time.Second)
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.pool.lifetime.Done():
	}
}

// startSucceeded counts a worker that said Hello.
func (p *Pool) startSucceeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.kills = 0, 0
	p.living++
	select {
	case <-p.started:
	default:
		close(p.started)
	}
}

// startFailed counts a worker that did not, and reports whether the pool is to be given up: not while others are
// starting, which may do better.
func (p *Pool) startFailed(err error, starting int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if killedFromOutside(err) {
		p.kills++
	} else {
		p.failures++
	}
	return p.living == 0 && starting == 0 && (p.failures >= p.options.StartFailures || p.kills >= killsAllowed*p.options.StartFailures)
}

// killsAllowed is how many times as many workers may be killed by somebody else while they start as may fail by
// themselves: that says little of whether workers can start, unless it goes on.
const killsAllowed = 10

// killedFromOutside reports whether a worker that did not start was ended by a signal that is not the pool's.
func killedFromOutside(err error) bool {
	var start *spawn.StartError
	if errors.Is(err, errNotReady) || errors.Is(err, ErrMemoryLimit) || !errors.As(err, &start) {
		return false
	}
	return start.Exit.Signal == syscall.SIGKILL || start.Exit.Signal == syscall.SIGTERM
}
