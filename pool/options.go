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
	// says otherwise. What lies in files in memory (/dev/shm) and is not mapped is not counted. Linux alone; elsewhere it
	// is refused. Default: no limit.
	MaxMemory int64

	// Cgroup is a directory of cgroup v2 that this user may write to, with the memory controller and no processes in
	// itself: one that systemd has delegated, say. Then the kernel keeps MaxMemory: each worker starts in a cgroup below
	// it, which is killed as a whole when it needs more, and removed with the worker, and also what it started detached.
	// The kernel counts files in memory as well. This process is not moved. It takes Linux 5.14. Default: none; the
	// workers' memory is looked at.
	Cgroup string

	// Initializer runs in each worker before its first task; a worker whose initializer fails does not
	// start. Made by RegisterInitializer.
	Initializer *Initializer

	// MaxTasksPerChild is after how many tasks a worker is replaced by a fresh one. Default: never.
	MaxTasksPerChild int

	// TaskTimeout is how long a task may run, from the moment a worker begins it. Default: for ever.
	TaskTimeout time.Duration

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

	// StartFailures is how many workers in a row may fail to start, while none runs, before the pool is
	// broken. Default: DefaultStartFailures.
	StartFailures int

	// Spawn holds the rest of what a worker process is started with: environment, directory, output,
	// niceness, limits. Name, Procs, MemoryLimit and Grace are set by the pool; Stdin must be nil and
	// Detached false. Default: as spawn's.
	Spawn *spawn.Options

	// Logger receives what happens to workers: start, exit, replacement, kill. Default: nothing is logged.
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
	fault(o.Workers < 0, "Workers is %d; it cannot be negative", o.Workers)
	fault(o.Workers > maxWorkers, "Workers is %d; at most %d are possible", o.Workers, maxWorkers)
	fault(o.Procs < 0, "Procs is %d; it cannot be negative", o.Procs)
	fault(o.MemoryLimit < 0, "MemoryLimit is %d bytes; it cannot be negative", o.MemoryLimit)
	fault(o.MaxTasksPerChild < 0, "MaxTasksPerChild is %d; it cannot be negative", o.MaxTasksPerChild)
	fault(o.TaskTimeout < 0, "TaskTimeout is %v; it cannot be negative", o.TaskTimeout)
	fault(o.Grace < 0, "Grace is %v; it cannot be negative", o.Grace)
	fault(o.QueueTasks < 0, "QueueTasks is %d; it cannot be negative", o.QueueTasks)
	fault(o.QueueBytes < 0, "QueueBytes is %d; it cannot be negative", o.QueueBytes)
	fault(o.ResultBytes < 0, "ResultBytes is %d; it cannot be negative", o.ResultBytes)
	fault(o.MaxPayload < 0, "MaxPayload is %d; it cannot be negative", o.MaxPayload)
	fault(o.StartTimeout < 0, "StartTimeout is %v; it cannot be negative", o.StartTimeout)
	fault(o.StartFailures < 0, "StartFailures is %d; it cannot be negative", o.StartFailures)
	fault(o.ForwardLogs != nil && o.Logger == nil, "ForwardLogs is set and Logger is not; log records have nowhere to go")
	faults = append(faults, o.validateMemory())
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
