package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// Run measures, writes a table to stdout and the files that o names, and what is left out or failed to stderr. It blocks
// until that is done or ctx ends. The caller has validated o. The error says that something failed; what else was
// measured has been written all the same, unless ctx ended.
func Run(ctx context.Context, o *Options, stdout, stderr io.Writer) error {
	chosen, err := choose(o.Names)
	if err != nil {
		return err
	}
	temporary := o.Temporary
	if temporary == "" {
		if temporary, err = NewTemporary(); err != nil {
			return err
		}
	}
	defer os.RemoveAll(temporary)
	e := &environment{small: o.small, python: pythonHome{folder: temporary}, pond: pondHome{folder: temporary}}
	m := &measurement{options: o, environment: e, stderr: stderr, absent: make(map[string]bool)}
	var results []Result
	for i := range chosen {
		results = append(results, m.measure(ctx, &chosen[i])...)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	failures := m.failures
	failures = append(failures, writeTable(stdout, results))
	if o.JSON != "" {
		failures = append(failures, writeFile(o.JSON, func(out io.Writer) error { return writeJSON(out, results) }))
	}
	if o.Report != "" {
		failures = append(failures, writeReport(o, describeMachine(ctx, e, time.Now()), results))
	}
	return errors.Join(failures...)
}

// NewTemporary makes a folder for Options.Temporary.
func NewTemporary() (string, error) { return os.MkdirTemp("", "multiproc-bench-") }

// measurement is what workloads that are measured one after another have in common.
type measurement struct {
	options     *Options
	environment *environment
	stderr      io.Writer
	absent      map[string]bool // peers of which it was said
	failures    []error
}

// A contestant is a system that is ready, and its figures so far.
type contestant struct {
	system  system
	runner  *runner
	n       int
	figures []float64
}

// measure has all systems of a workload take turns.
func (m *measurement) measure(ctx context.Context, w *Workload) []Result {
	fmt.Fprintf(m.stderr, "multiproc bench: %s: %s\n", w.Name, w.About)
	var results []Result
	for _, c := range m.takeTurns(ctx, w, m.prepare(ctx, w)) {
		if err := c.close(); err != nil {
			m.fail(ctx, w, c.system.name, err)
		}
		if ctx.Err() == nil {
			results = append(results, summarize(w, c.system.name, c.figures))
		}
	}
	return results
}

// takeTurns returns the contestants that are left: who fails is out.
func (m *measurement) takeTurns(ctx context.Context, w *Workload, contestants []*contestant) []*contestant {
	for turn := range m.options.Runs + 1 {
		for i := 0; i < len(contestants) && ctx.Err() == nil; i++ {
			c := contestants[i]
			runtime.GC() // what the others have left is not this one's to collect
			measured, err := c.runner.run(ctx)
			if err != nil {
				m.fail(ctx, w, c.system.name, errors.Join(err, c.close()))
				contestants = slices.Delete(contestants, i, i+1)
				i--
				continue
			}
			if turn > 0 {
				c.figures = append(c.figures, w.Unit.of(measured, c.n))
			}
		}
	}
	return contestants
}

// prepare sets up every system of a workload that is wanted and at hand.
func (m *measurement) prepare(ctx context.Context, w *Workload) []*contestant {
	var contestants []*contestant
	for _, s := range w.systems {
		if s.peer != "" && !slices.Contains(m.options.Against, s.peer) || m.absent[s.peer] {
			continue
		}
		n := max(1, int(float64(w.n*max(1, s.times))*m.options.Scale))
		r, err := s.prepare(ctx, m.environment, n)
		var absent *absentError
		switch {
		case errors.As(err, &absent):
			m.absent[absent.peer] = true
			fmt.Fprintf(m.stderr, "multiproc bench: %v\n", err)
		case err != nil:
			m.fail(ctx, w, s.name, err)
		default:
			contestants = append(contestants, &contestant{system: s, runner: r, n: n})
		}
	}
	return contestants
}

// fail notes a failure, unless it comes of the end of the whole run.
func (m *measurement) fail(ctx context.Context, w *Workload, systemName string, err error) {
	if ctx.Err() == nil {
		m.failures = append(m.failures, fmt.Errorf("%s by %s: %w", w.Name, systemName, err))
	}
}

func (c *contestant) close() error {
	if c.runner.close == nil {
		return nil
	}
	return c.runner.close()
}

// timed measures f in seconds.
func timed(f func() error) (float64, error) {
	began := time.Now()
	err := f()
	return time.Since(began).Seconds(), err
}

// repeat adds up what once measures, n times.
func repeat(n int, once func() (float64, error)) (float64, error) {
	total := 0.0
	for range n {
		measured, err := once()
		if err != nil {
			return 0, err
		}
		total += measured
	}
	return total, nil
}

// split runs n operations in as many goroutines, each its part, and measures until all have ended.
func split(n, goroutines int, operate func(goroutine, operations int) error) (float64, error) {
	return timed(func() error {
		ended := make(chan error, goroutines)
		for i := range goroutines {
			go func() { ended <- operate(i, max(1, n/goroutines)) }()
		}
		var failures []error
		for range goroutines {
			failures = append(failures, <-ended)
		}
		return errors.Join(failures...)
	})
}

// writeFile writes a file whole or not at all.
func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".multiproc-bench-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := errors.Join(write(file), file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}
