package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/oklog/run"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/items"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/progress"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/stdio"
	"github.com/multiproc-go/multiproc/spawn"
)

// Why a run ends early.
var (
	errBrokenStdout = errors.New("nobody reads standard output any more")
	errOver         = errors.New("the run is over")
)

// streams are the standard streams and what ends a call that is blocked there.
type streams struct {
	inputStop, outputStop *stdio.Stop
	stdout, stderr        io.Writer
	written               func() int64  // bytes that both have taken
	bar                   *progress.Bar // or nil
}

func openStreams(p *plan) (*streams, error) {
	inputStop, err := stdio.NewStop()
	if err != nil {
		return nil, err
	}
	outputStop, err := stdio.NewStop()
	if err != nil {
		inputStop.Close()
		return nil, err
	}
	stdout, stderr := stdio.NewWriter(os.Stdout, outputStop), stdio.NewWriter(os.Stderr, outputStop)
	s := &streams{
		inputStop:  inputStop,
		outputStop: outputStop,
		stdout:     stdout,
		stderr:     stderr,
		written:    func() int64 { return stdout.Written() + stderr.Written() },
	}
	if p.progress && !p.dryRun {
		total := int64(-1)
		if p.input == nil {
			total = int64(len(p.listed))
		}
		s.bar = progress.New(s.stderr, total)
		s.stdout, s.stderr = s.bar.Around(s.stdout), s.bar.Around(s.stderr)
	}
	return s, nil
}

func (s *streams) close() {
	s.inputStop.Close()
	s.outputStop.Close()
}

// source returns the items of a plan. Reading ends with stdio.ErrStopped once
// the input is stopped.
func (s *streams) source(p *plan) items.Source {
	if p.input == nil {
		return items.List(p.listed)
	}
	return items.Read(stdio.NewReader(p.input, s.inputStop), p.separator)
}

// runMap carries out a plan. The error says how the program is to exit.
func runMap(ctx context.Context, p *plan) error {
	// A broken pipe is an error of Write here, and the default again in the
	// commands; to ignore the signal would make them ignore it too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	s, err := openStreams(p)
	if err != nil {
		return err
	}
	defer s.close()
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(errOver)
	printing, stopPrinting := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopPrinting(errOver)
	unblock := context.AfterFunc(printing, s.outputStop.Stop)
	defer unblock()

	m := newMapper(p, s)
	var group run.Group
	group.Add(func() error { return m.work(ctx, printing, abort) }, abort)
	group.Add(func() error { return m.limitPrinting(ctx, stopPrinting) }, abort)
	group.Add(func() error { return watchQuit(ctx) }, abort)
	group.Add(func() error { return m.watchSignal(ctx) }, abort)
	group.Add(func() error { return watchStdout(ctx, s.outputStop) }, abort)
	return m.conclude(ctx, group.Run())
}

// watchStdout ends the run as soon as nobody can read its output, which may be
// long before there is any.
func watchStdout(ctx context.Context, stop *stdio.Stop) error {
	if stdio.AwaitBroken(os.Stdout, stop) == nil {
		return errBrokenStdout
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// watchSignal stops the input at the first signal, and says so.
func (m *mapper) watchSignal(ctx context.Context) error {
	select {
	case <-spawn.Draining(ctx):
		m.halt()
		if n := m.running.Load(); n > 0 {
			m.printer.Notice(fmt.Sprintf("multiproc: interrupted, waiting for what runs (%d); a second signal kills it\n", n))
		}
		<-ctx.Done()
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// conclude says on stderr what there is to say at the end, and returns how the
// program is to exit.
func (m *mapper) conclude(ctx context.Context, err error) error {
	m.streams.bar.Hide()
	quit := errors.Is(err, errQuit)
	interrupted := quit || isClosed(spawn.Draining(ctx))
	problem := m.trouble()
	var broken *stdoutError
	switch {
	case errors.Is(err, errBrokenStdout), errors.As(err, &broken) && stdio.IsBroken(broken):
		if !interrupted {
			return exitStatus(exitBrokenPipe)
		}
	case broken != nil:
		problem = broken
	case !interrupted: // otherwise the error is the second signal
		problem = errors.Join(problem, err)
	}
	if problem != nil {
		m.say(fmt.Sprintf("multiproc: %v\n", problem))
	}
	if n := m.printer.Unprinted(); n > 0 && (interrupted || problem != nil) {
		m.say(fmt.Sprintf("multiproc: output of %s was not printed\n", count(int64(n))))
	}
	failed := problem != nil || m.tally.failures() > 0
	if (failed || interrupted) && m.tally.items() > 0 && !m.plan.dryRun {
		m.say(m.tally.rest(m.plan.log != nil))
		m.say(m.tally.summary(m.notBegun()))
	}
	switch {
	case quit:
		return exitStatus(exitQuit)
	case interrupted:
		return context.Canceled // spawn knows which signal it was
	case failed:
		return exitStatus(exitFailed)
	}
	return nil
}

// notBegun says that items were not begun, or nothing.
func (m *mapper) notBegun() string {
	switch {
	case !m.unread.Load():
		return ""
	case m.plan.input == nil:
		return fmt.Sprintf(", %d not begun", int64(len(m.plan.listed))-m.tally.items())
	default:
		return ", stopped before the end of the input"
	}
}

// say writes to stderr at the end, when nothing else is written there.
func (m *mapper) say(text string) { _, _ = io.WriteString(m.streams.stderr, text) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// stdoutError is a write to standard output that failed.
type stdoutError struct{ err error }

func (e *stdoutError) Error() string {
	return fmt.Sprintf("cannot write to standard output: %v", e.err)
}
func (e *stdoutError) Unwrap() error { return e.err }
