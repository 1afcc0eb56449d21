package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/argv"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/command"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/joblog"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/stdio"
	"github.com/multiproc-go/multiproc/pool"
)

// trial is a mapper over listed items whose commands are a function.
type trial struct {
	*mapper
	stdout, stderr bytes.Buffer
	logPath        string
}

func newTrial(t *testing.T, p plan, listed ...string) *trial {
	t.Helper()
	tr := &trial{logPath: filepath.Join(t.TempDir(), "log")}
	log, err := joblog.Create(tr.logPath)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := stdio.NewStop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close(); stop.Close() })
	p.template, p.listed, p.log = argv.NewTemplate([]string{"command"}), listed, log
	p.workers = max(p.workers, 1)
	tr.mapper = newMapper(&p, &streams{inputStop: stop, outputStop: stop, stdout: &tr.stdout, stderr: &tr.stderr})
	return tr
}

// do runs all items through f, and prints.
func (tr *trial) do(ctx context.Context, f runFunc) {
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		_ = tr.printer.Run(ctx)
	}()
	source := tr.streams.source(tr.plan)
	if first, ok := tr.next(source); ok {
		tr.drive(ctx, source, first, f)
	}
	tr.printer.Finish()
	<-printed
}

// rows returns seq, exit, signal, outcome and item of each row of the log.
func (tr *trial) rows(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile(tr.logPath)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(strings.TrimPrefix(string(content), joblog.Header)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		rows = append(rows, strings.Join([]string{f[0], f[3], f[4], f[5], f[6]}, " "))
	}
	return rows
}

func echo(_ context.Context, job command.Job) (command.Report, error) {
	return command.Report{Stdout: command.Output{Inline: []byte(job.Arguments[1] + "\n")}}, nil
}

func TestEveryOutcomeHasItsRowMessageAndCount(t *testing.T) {
	tr := newTrial(t, plan{timeout: time.Second}, "ok", "bad", "slow", "lost", "backstop", "cut", "odd", "unable", "nul\x00")
	tr.do(t.Context(), func(_ context.Context, job command.Job) (command.Report, error) {
		switch job.Arguments[1] {
		case "bad":
			return command.Report{Exit: 3, Stdout: command.Output{Inline: []byte("partly\n")}}, nil
		case "slow":
			return command.Report{Exit: -1, Signal: 15, TimedOut: true}, nil
		case "lost":
			return command.Report{}, &pool.WorkerLostError{PID: 42, ExitCode: -1, Signal: 9}
		case "backstop":
			return command.Report{}, fmt.Errorf("wrapped: %w", pool.ErrTaskTimeout)
		case "cut":
			return command.Report{}, fmt.Errorf("%w: received SIGTERM", command.ErrCutShort)
		case "odd":
			return command.Report{}, errors.New("something else")
		case "unable":
			return command.Report{Exit: 127, Fault: "unable: command not found"}, nil
		}
		return echo(t.Context(), job)
	})
	want := []string{
		"1 0 0 done ok", "2 3 0 failed bad", "3 -1 15 timeout slow", "4 -1 9 lost lost", "5 -1 0 timeout backstop",
		"6 -1 0 lost cut", "7 -1 0 failed odd", "8 127 0 failed unable", "9 126 0 failed nul\x00",
	}
	if diff := cmp.Diff(want, tr.rows(t)); diff != "" {
		t.Error(diff)
	}
	if got := tr.stdout.String(); got != "ok\npartly\n" {
		t.Errorf("stdout %q", got)
	}
	for _, message := range []string{
		`item 3 ("slow"): killed because it took longer than 1s`, `item 4 ("lost"): lost`, "signal 9",
		`item 2 ("bad"): exited with status 3`, `item 5 ("backstop"): killed because it took longer than 1s; its worker process did not answer`,
		"something else", "command not found", "NUL byte",
	} {
		if !strings.Contains(tr.stderr.String(), message) {
			t.Errorf("stderr does not say %q", message)
		}
	}
	if got, want := tr.tally.summary(tr.notBegun()), "multiproc: 9 items: 1 done, 4 failed, 2 timeout, 2 lost, 0 cancelled\n"; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestRetriesEndWithSuccessAndOnlyTheLastAttemptIsPrinted(t *testing.T) {
	var attempts atomic.Int64
	fails := func(_ context.Context, job command.Job) (command.Report, error) {
		n := attempts.Add(1)
		if n == 1 {
			return command.Report{}, &pool.WorkerLostError{Signal: 9}
		}
		out := command.Output{Inline: fmt.Appendf(nil, "attempt %d\n", n)}
		if n == 2 {
			return command.Report{Exit: 1, Stdout: out}, nil
		}
		return command.Report{Stdout: out}, nil
	}
	tr := newTrial(t, plan{retries: 5}, "x")
	tr.do(t.Context(), fails)
	if tr.stdout.String() != "attempt 3\n" || tr.stderr.Len() > 0 {
		t.Errorf("stdout %q, stderr %q", tr.stdout.String(), tr.stderr.String())
	}
	if diff := cmp.Diff([]string{"1 0 0 done x"}, tr.rows(t)); diff != "" {
		t.Error(diff)
	}

	attempts.Store(0)
	tr = newTrial(t, plan{retries: 1}, "x")
	tr.do(t.Context(), fails)
	if diff := cmp.Diff([]string{"1 1 0 failed x"}, tr.rows(t)); diff != "" {
		t.Error(diff)
	}
}

func TestFailFastStartsNothingMoreAndLetsTheRunningEnd(t *testing.T) {
	tr := newTrial(t, plan{failFast: true, workers: 2, retries: 0}, "a", "fails", "never", "never")
	halted := tr.halted
	tr.do(t.Context(), func(_ context.Context, job command.Job) (command.Report, error) {
		if job.Arguments[1] == "fails" {
			return command.Report{Exit: 1}, nil
		}
		select { // still runs when the other has failed
		case <-halted:
		case <-time.After(patience):
			t.Error("the failure has not stopped the run")
		}
		return echo(t.Context(), job)
	})
	if diff := cmp.Diff([]string{"2 1 0 failed fails", "1 0 0 done a"}, tr.rows(t)); diff != "" {
		t.Error(diff)
	}
	if tr.stdout.String() != "a\n" {
		t.Errorf("stdout %q", tr.stdout.String())
	}
}

func TestABrokenPoolStopsTheRunAndIsTold(t *testing.T) {
	tr := newTrial(t, plan{retries: 3}, "a", "b", "c")
	broken := fmt.Errorf("%w: no memory", pool.ErrPoolBroken)
	tr.do(t.Context(), func(context.Context, command.Job) (command.Report, error) { return command.Report{}, broken })
	if diff := cmp.Diff([]string{"1 -1 0 cancelled a"}, tr.rows(t)); diff != "" {
		t.Error(diff)
	}
	if !errors.Is(tr.trouble(), pool.ErrPoolBroken) {
		t.Errorf("trouble %v", tr.trouble())
	}
}

func TestTheEndOfTheContextCancelsWhatRuns(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tr := newTrial(t, plan{retries: 3}, "a", "b")
	tr.do(ctx, func(ctx context.Context, _ command.Job) (command.Report, error) {
		cancel()
		return command.Report{}, context.Cause(ctx)
	})
	if diff := cmp.Diff([]string{"1 -1 0 cancelled a"}, tr.rows(t)); diff != "" {
		t.Error(diff)
	}
}

func TestEachOfManyItemsOnceInOrder(t *testing.T) {
	var listed []string
	for i := range 2000 {
		listed = append(listed, fmt.Sprint("item ", i))
	}
	tr := newTrial(t, plan{workers: 8}, listed...)
	tr.do(t.Context(), echo)
	if diff := cmp.Diff(strings.Join(listed, "\n")+"\n", tr.stdout.String()); diff != "" {
		t.Error(diff)
	}
	if rows := tr.rows(t); len(rows) != len(listed) {
		t.Errorf("%d rows", len(rows))
	}
}

// A job log on a full disk must not go unnoticed.
func TestAJobLogThatCannotBeWrittenStopsTheRun(t *testing.T) {
	tr := newTrial(t, plan{}, "a", "b", "c")
	tr.plan.log.Close()
	tr.do(t.Context(), echo)
	if tr.trouble() == nil || tr.stdout.String() != "a\n" {
		t.Errorf("trouble %v, stdout %q", tr.trouble(), tr.stdout.String())
	}
}
