package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

// seat is a place for one worker. It starts a process, serves it through a link until it is gone, and starts
// the next, until the pool ends.
type seat struct {
	pool   *Pool
	number int
	link   atomic.Pointer[link] // nil while no worker is there
	stalls int                  // workers in a row that were given up because they stalled; of run alone
}

// run fills the seat until the pool ends. It returns an error only when it gives up.
func (s *seat) run() error {
	p := s.pool
	failures := 0
	for p.lifetime.Err() == nil {
		p.starting.Add(1)
		l, err := s.hire()
		if err == nil {
			p.startSucceeded()
		}
		starting := p.starting.Add(-1)
		switch {
		case err == nil:
			s.employ(l)
			err = l.useless()
			if hopeless := p.judgeUse(err); hopeless {
				return p.fallen(err)
			}
			if err == nil {
				failures = 0
				continue
			}
			failures++
			s.pause(failures)
			continue
		case p.lifetime.Err() != nil:
			continue // the start was cut short
		}
		p.options.Logger.Warn("worker did not start", "pool", p.options.Name, "seat", s.number, "error", err)
		if p.startFailed(err, starting) {
			return p.fallen(err)
		}
		failures++
		s.pause(failures)
	}
	return nil
}

// employ serves a worker from its Hello to its end.
func (s *seat) employ(l *link) {
	p := s.pool
	l.patience <<= min(s.stalls, 8)
	s.link.Store(l)
	p.options.Logger.Info("worker started", "pool", p.options.Name, "seat", s.number, "pid", l.process.PID())
	unwatch := context.AfterFunc(p.lifetime, l.dismiss)
	unlimit := l.limitMemory()
	l.serve()
	unlimit()
	unwatch()
	p.mu.Lock()
	p.living--
	p.mu.Unlock()
	l.bury()
	s.link.Store(nil)
	if s.stalls++; !errors.Is(l.fault, errStalled) {
		s.stalls = 0
	}
	p.options.Logger.Info("worker ended", "pool", p.options.Name, "seat", s.number, "pid", l.process.PID(),
		"tasks", l.ended, "exit", l.process.ExitCode(), "signal", l.process.Signal())
}

// hire starts a worker and returns its link when it has said Hello.
func (s *seat) hire() (*link, error) {
	memory, memoryFile, err := newShared()
	if err != nil {
		return nil, err
	}
	files := []*os.File{memoryFile}
	logs, err := s.pool.openLogs(&files)
	if err != nil {
		return nil, errors.Join(joinClose(err, files...), memory.close())
	}
	large := newArena()
	l, err := s.connect(memory, large, &files)
	if err = joinClose(err, files...); err != nil {
		logs.flush()
		return nil, errors.Join(err, memory.close(), large.close())
	}
	l.forwardLogs(logs)
	return l, nil
}

// connect makes the sockets of a link and starts the worker at their other ends. What is to be closed is
// appended to files.
func (s *seat) connect(memory *shared, large *arena, files *[]*os.File) (*link, error) {
	memories := slices.Clone(*files)
	if large != nil {
		memories = append(memories, large.file)
	}
	data, theirData, err := socketPair("data")
	if err != nil {
		return nil, err
	}
	*files = append(*files, theirData)
	control, theirControl, err := socketPair("control")
	if err != nil {
		return nil, joinClose(err, data)
	}
	*files = append(*files, theirControl)
	argument, err := s.setup().MarshalMsg(nil)
	if err != nil {
		return nil, joinClose(err, data, control)
	}
	ctx, cancel := context.WithTimeoutCause(s.pool.lifetime, s.pool.options.StartTimeout,
		fmt.Errorf("%w, which is %v", errNotReady, s.pool.options.StartTimeout))
	defer cancel()
	group, process, err := s.startIn(ctx, argument, append([]*os.File{theirData, theirControl}, memories...))
	if err != nil {
		return nil, joinClose(err, data, control)
	}
	l, err := newLink(s.pool, process, memory, large, data, control)
	if err != nil {
		kill, cancel := context.WithTimeout(context.Background(), killTime)
		defer cancel()
		return nil, errors.Join(err, process.KillTree(kill), group.remove())
	}
	l.group = group
	return l, nil
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
	made.Name = fmt.Sprintf("%s-%d", o.Name, s.number+1)
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
