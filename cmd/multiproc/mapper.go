package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/command"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/items"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/output"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/stdio"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

const (
	// workerGrace is what a worker has to end a command and its tree by itself.
	workerGrace = time.Second

	// backstop is how long after a command's time is up the pool ends a worker
	// that did not manage to end the command: more than the half second between
	// SIGTERM and SIGKILL and the second for which its output is waited for.
	backstop = 2 * time.Second
)

// mapper is one run of a command over its items. Items go from the source to
// lanes, one for each worker process, and their outputs from there to the
// printer.
type mapper struct {
	plan    *plan
	streams *streams
	printer *output.Printer
	tally   tally
	running atomic.Int64  // items that lanes are busy with
	halted  chan struct{} // closed: nothing new is started
	worked  chan struct{} // closed: all is printed, or given up

	unread atomic.Bool // the input was not read to its end, or an item of it not begun

	halting sync.Once
	mu      sync.Mutex // guards problem
	problem error      // what went wrong besides the commands
}

// runFunc runs a job in a worker process and blocks until it has ended.
type runFunc func(context.Context, command.Job) (command.Report, error)

// task is an item and its position in the input, from 1.
type task struct {
	seq  int64
	item items.Item
}

func newMapper(p *plan, s *streams) *mapper {
	return &mapper{
		plan:    p,
		streams: s,
		printer: output.NewPrinter(s.stdout, s.stderr, p.unordered, output.Limits{}),
		halted:  make(chan struct{}),
		worked:  make(chan struct{}),
	}
}

// halt lets nothing new start.
func (m *mapper) halt() {
	m.halting.Do(func() {
		close(m.halted)
		m.streams.inputStop.Stop()
	})
}

// fail halts because of something besides the commands. The first such thing is
// told at the end.
func (m *mapper) fail(err error) {
	m.mu.Lock()
	if m.problem == nil {
		m.problem = err
	}
	m.mu.Unlock()
	m.halt()
}

func (m *mapper) trouble() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.problem
}

// work runs everything and returns when all that was run is printed, or printing
// has ended and nothing runs any more. The end of ctx kills what runs; printing
// lives longer than ctx.
func (m *mapper) work(ctx, printing context.Context, abort context.CancelCauseFunc) error {
	defer close(m.worked)
	source := m.streams.source(m.plan)
	if m.plan.dryRun {
		return m.dryRun(source)
	}
	var printer sync.WaitGroup
	printer.Go(func() {
		if err := m.printer.Run(printing); err != nil && ctx.Err() == nil {
			abort(&stdoutError{err})
		}
	})
	m.feed(ctx, source)
	m.printer.Finish()
	printer.Wait()
	return context.Cause(ctx)
}

// feed starts the workers, if there is an item at all, and runs every item.
func (m *mapper) feed(ctx context.Context, source items.Source) {
	if m.plan.input != nil && term.IsTerminal(int(m.plan.input.Fd())) {
		m.printer.Notice("multiproc: reading items from the terminal, one on each line, up to Ctrl-D\n")
	}
	first, ok := m.next(source)
	if !ok {
		return
	}
	workers, err := pool.New(ctx, m.poolOptions())
	if err != nil {
		m.fail(fmt.Errorf("worker processes cannot be started: %w", err))
		return
	}
	defer workers.Close()
	m.drive(ctx, source, first, func(ctx context.Context, job command.Job) (command.Report, error) {
		return runCommand.Apply(ctx, workers, job)
	})
	// Every task has ended: what is left is to let the workers go.
	_ = workers.Shutdown(ctx)
}

func (m *mapper) poolOptions() *pool.Options {
	options := &pool.Options{
		Name:    "map",
		Workers: m.plan.workers,
		Grace:   workerGrace,
		// What workers say themselves must not get between the outputs of
		// commands. Why one has died is part of the error all the same.
		Spawn: &spawn.Options{Stderr: io.Discard},
	}
	if m.plan.timeout > 0 {
		options.TaskTimeout = m.plan.timeout + backstop
	}
	return options
}

// drive passes the items to the lanes until there are no more or nothing new is
// to be started, and returns when all lanes are done. One item at most is read
// ahead of those that run.
func (m *mapper) drive(ctx context.Context, source items.Source, item items.Item, run runFunc) {
	tasks := make(chan task)
	var lanes sync.WaitGroup
	for range m.plan.workers {
		l := &lane{mapper: m, run: run}
		lanes.Go(func() { l.serve(ctx, tasks) })
	}
	defer lanes.Wait()
	defer close(tasks)
	for seq, ok := int64(1), true; ok; seq++ {
		if isClosed(m.halted) || ctx.Err() != nil {
			m.unread.Store(true)
			return
		}
		select {
		case tasks <- task{seq, item}:
		case <-m.halted:
			m.unread.Store(true)
			return
		case <-ctx.Done():
			m.unread.Store(true)
			return
		}
		if item, ok = m.next(source); !ok && !isClosed(m.halted) {
			m.streams.bar.Total(seq)
		}
	}
}

// next returns the next item, or false when there is none to be run.
func (m *mapper) next(source items.Source) (items.Item, bool) {
	item, err := source.Next()
	switch {
	case err == nil:
		return item, true
	case errors.Is(err, io.EOF):
	case errors.Is(err, stdio.ErrStopped):
		m.unread.Store(true)
	default:
		m.unread.Store(true)
		m.fail(fmt.Errorf("reading the items: %w", err))
	}
	return items.Item{}, false
}
