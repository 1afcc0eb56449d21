package pool

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

// Defaults of Options.
const (
	DefaultGrace         = time.Second
	DefaultQueueTasks    = 1 << 16
	DefaultQueueBytes    = 64 << 20
	DefaultResultBytes   = 64 << 20
	DefaultMaxPayload    = 1 << 30
	DefaultStartTimeout  = time.Minute
	DefaultStartFailures = 5
)

// Options says how a pool works. The zero value, and nil, mean the defaults.
type Options struct {
	// Name is shown by ps as the name of the pool's workers, with their number. Default: "pool".
	Name string

	// Workers is how many worker processes the pool keeps. Default: the number of processors that this
	// process may use.
	Workers int

	// Procs is GOMAXPROCS in each worker. Default: processors divided by Workers, at least 1.
	Procs int

	// MemoryLimit, in bytes, is Go's soft memory limit in each worker (see debug.SetMemoryLimit). It makes
	// the collector work harder near the limit; it kills nothing. Default: none.
	MemoryLimit int64

	// MaxMemory, in bytes, is how much memory each worker may use together with all that it has started; pages that
	// several of them share count once. Whoever uses more is killed with its tree and replaced, and the task that
	// ran fails with a *MemoryLimitError. Workers are looked at some twenty times a second from when they are ready,
	// so that a quick one may have used more by then; see Cgroup for how to have the kernel do it. Go's own limit in a worker is 90 % of it, unless MemoryLimit
	// says otherwise. A limit too small for any worker is noticed only when workers have started, or could not: the pool breaks, see
	// StartFailures. What lies in files in memory (/dev/shm) and is not mapped is not counted. Linux alone; elsewhere it
	// is refused. Default: no limit.
	MaxMemory int64

	// Cgroup is a directory of cgroup v2 that this user may write to, with the memory controller and no processes in
	// itself: one that systemd has delegated, say. Then the kernel keeps MaxMemory: each worker starts in a cgroup below
	// it, which is killed as a whole when it needs more, and removed with the worker, and also what it started detached.
	// The kernel counts files in memory as well. This process is not moved. It takes Linux 5.14. Default: none; the
	// workers' memory is looked at.
	Cgroup string

	// Initializer runs in each worker before its first task; a worker whose initializer fails, panics or calls runtime.Goexit
	// does not start. The start error says why, in a line; errors.As finds the *RemoteError in it that has the stack of a panic. Made
	// by RegisterInitializer.
	Initializer *Initializer

	// MaxTasksPerChild is after how many tasks a worker is replaced by a fresh one. Default: never.
	MaxTasksPerChild int

	// MaxAge is how long after its start a worker is replaced: when it is idle, or after its task. Each worker's own is up to
	// a tenth shorter, at random, so that not all are replaced at once. With MaxAge and MaxTasksPerChild a successor is
	// started before the worker leaves, where with that there are no more than Workers+Spares+1 processes; a worker that is
	// too old goes on until its successor is ready, and the age of a successor that waits for a long task's end counts anew.
	// Default: never.
	MaxAge time.Duration

	// IdleTimeout is how long a worker may have nothing to do before it leaves, while there are more than MinWorkers. A task
	// that finds nobody idle has one started again, up to Workers. All are started at first. Defaults: workers stay; 0.
	IdleTimeout time.Duration
	MinWorkers  int

	// Spares is how many workers are kept ready beyond those that run tasks, started and initialized: one of them takes the
	// place of a worker that has died or leaves, at once. They count as workers when they have one. ps shows them as NAME-spare-1 and so
	// on, later as well. Default: none.
	Spares int

	// TaskTimeout is how long a task may run, from the moment a worker begins it. Default: for ever.
	TaskTimeout time.Duration

	// Retry says when tasks of functions that were declared idempotent (see Function.Idempotent) are run again, unless
	// those have a policy of their own. Default: never.
	Retry *Retry

	// Grace is how long a worker has, once its task was cancelled, before SIGTERM goes to it and to all it
	// started, and then again before SIGKILL. Default: DefaultGrace.
	Grace time.Duration

	// QueueTasks and QueueBytes (of encoded arguments) bound what waits for a worker: whoever submits more
	// blocks. A single task may be larger than QueueBytes. Defaults: DefaultQueueTasks, DefaultQueueBytes.
	QueueTasks int
	QueueBytes int64

	// ResultBytes bounds, in bytes, what an Iterator holds of results that nobody has taken: beyond it no
	// more input is read. Results of tasks that are running then are held as well. (For a pool in a manager see
	// NewHosted.) Default: DefaultResultBytes.
	ResultBytes int64

	// MaxPayload bounds, in bytes, one encoded argument or result; more is ErrTaskTooLarge. Default:
	// DefaultMaxPayload.
	MaxPayload int64

	// StartTimeout is how long a worker may take from its start, with its initializer, until it is ready.
	// Then it is killed and counts as failed. Default: DefaultStartTimeout.
	StartTimeout time.Duration

	// StartFailures is how many workers in a row may fail to start, or be ended for their memory before their first task, while none
	// runs, before the pool is broken. Of workers that somebody else kills as they start, by SIGKILL or SIGTERM, it takes ten times as
	// many. Each place waits after a failure, longer each time, up to two seconds: with one worker five failures take a quarter of a second
	// beside the starts themselves, and fifty a minute; with more workers less. Default: DefaultStartFailures.
	StartFailures int

	// Spawn holds the rest of what a worker process is started with: environment, directory, output,
	// niceness, limits. Name, Procs, MemoryLimit and Grace are set by the pool; Stdin must be nil and
	// Detached false. Default: as spawn's.
	Spawn *spawn.Options

	// OnWorker is told of each worker when its process is about to be started, when it is ready for tasks, and when it has exited, with the
	// cause. It is called by one goroutine of the pool's own, never twice at once, with the events of each worker in their
	// order and no lock held; the exit of a worker may come after the start of its successor. A slow OnWorker delays
	// nothing but later events, of which 8,192 wait; of more the oldest are dropped, as the next one says. Shutdown and Close wait for
	// it, as for other callbacks, so it must not call them; if it never returns, Close does not either, and Shutdown only when its
	// context has ended. It must neither panic nor call runtime.Goexit. Default: nobody is told.
	OnWorker func(WorkerEvent)

	// Logger receives what happens to workers and makes tasks end or begin again. Each record has a group of attributes, "worker",
	// that says what it is about: pool (its name); of a worker number (from 1 on; a spare has none), name and pid; of a task
	// function, index (its position in its Map or Iterator; a single one has none) and attempt. Records that are forwarded have
	// that group too, with pool and pid of the worker, see LogHandler. Outside of it stand cause, tasks, and exit (a status) or signal (as SIGKILL) of a worker that has ended, outcome
	// and cause of a task that is to end, cause of a kill, after (a duration, nanoseconds in JSON), limit, used, error. What does not apply is left out. The end of
	// a worker that took a task with it names that task. The level is Debug for starts; Info for what is planned or asked for, and for a
	// task that is run again; Warn for a worker that did not start, crashed, stopped, broke a rule, passed its memory limit or was killed, and for
	// a task that timed out; Error for what the pool could not do. Default: nothing is logged.
	Logger *slog.Logger

	// ForwardLogs, if it is not nil, has what tasks log passed on to Logger, from its level on, which is asked at the start of
	// each worker. In a worker slog's default logger, and with it package log, then writes to LogHandler instead of to the
	// standard error, from before the Initializer on. Default: workers log as any program does.
	ForwardLogs slog.Leveler
}

// withDefaults returns a copy of o, which may be nil, that is complete, or every fault of o in one error.
func (o *Options) withDefaults() (*Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Spawn != nil {
		c.Spawn = c.Spawn.Clone()
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	setDefault(&c.Name, "pool")
	setDefault(&c.Workers, runtime.GOMAXPROCS(0))
	setDefault(&c.Procs, max(1, runtime.GOMAXPROCS(0)/c.Workers))
	c.Retry = c.Retry.complete()
	setDefault(&c.Grace, DefaultGrace)
	setDefault(&c.QueueTasks, DefaultQueueTasks)
	setDefault(&c.QueueBytes, DefaultQueueBytes)
	setDefault(&c.ResultBytes, DefaultResultBytes)
	setDefault(&c.MaxPayload, DefaultMaxPayload)
	setDefault(&c.StartTimeout, DefaultStartTimeout)
	setDefault(&c.StartFailures, DefaultStartFailures)
	setDefault(&c.Logger, slog.New(slog.DiscardHandler))
	return &c, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o *Options) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("pool: "+format, args...))
		}
	}
	if err := (&spawn.Options{Name: o.Name}).Validate(); err != nil {
		faults = append(faults, fmt.Errorf("pool: %w", err))
	}
	fault(o.Workers < 0, "Workers is %d; it cannot be negative", o.Workers)
	fault(o.Workers > maxWorkers, "Workers is %d; at most %d are possible", o.Workers, maxWorkers)
	fault(o.Procs < 0, "Procs is %d; it cannot be negative", o.Procs)
	fault(o.MemoryLimit < 0, "MemoryLimit is %d bytes; it cannot be negative", o.MemoryLimit)
	fault(o.MaxTasksPerChild < 0, "MaxTasksPerChild is %d; it cannot be negative", o.MaxTasksPerChild)
	fault(o.MaxAge < 0, "MaxAge is %v; it cannot be negative", o.MaxAge)
	fault(o.IdleTimeout < 0, "IdleTimeout is %v; it cannot be negative", o.IdleTimeout)
	fault(o.MinWorkers < 0, "MinWorkers is %d; it cannot be negative", o.MinWorkers)
	fault(o.Workers > 0 && o.MinWorkers > o.Workers, "MinWorkers is %d, more than Workers, which is %d", o.MinWorkers, o.Workers)
	fault(o.MinWorkers > 0 && o.IdleTimeout == 0, "MinWorkers is set and IdleTimeout is not; workers leave only with that")
	fault(o.Spares < 0 || o.Spares > maxWorkers, "Spares is %d; possible are 0 to %d", o.Spares, maxWorkers)
	fault(o.TaskTimeout < 0, "TaskTimeout is %v; it cannot be negative", o.TaskTimeout)
	fault(o.Grace < 0, "Grace is %v; it cannot be negative", o.Grace)
	fault(o.QueueTasks < 0, "QueueTasks is %d; it cannot be negative", o.QueueTasks)
	fault(o.QueueBytes < 0, "QueueBytes is %d; it cannot be negative", o.QueueBytes)
	fault(o.ResultBytes < 0, "ResultBytes is %d; it cannot be negative", o.ResultBytes)
	fault(o.MaxPayload < 0, "MaxPayload is %d; it cannot be negative", o.MaxPayload)
	fault(o.StartTimeout < 0, "StartTimeout is %v; it cannot be negative", o.StartTimeout)
	fault(o.StartFailures < 0, "StartFailures is %d; it cannot be negative", o.StartFailures)
	fault(o.ForwardLogs != nil && o.Logger == nil, "ForwardLogs is set and Logger is not; log records have nowhere to go")
	faults = append(faults, o.validateMemory(), o.Retry.validate("Retry"))
	if s := o.Spawn; s != nil {
		if err := s.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("pool: Spawn: %w", err))
		}
		fault(s.Stdin != nil, "Spawn.Stdin is set; a worker's standard input is always /dev/null")
		fault(s.Detached, "Spawn.Detached is set; a pool's workers end with it")
	}
	return errors.Join(faults...)
}

// maxWorkers bounds Workers: far more than a machine bears, far fewer than a number that is a mistake.
const maxWorkers = 1 << 14
