package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/command"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/items"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/joblog"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/output"
	"github.com/multiproc-go/multiproc/pool"
)

const (
	// shownItem is how many bytes of an item are shown in a message.
	shownItem = 120

	// shownFailures is of how many items that failed or timed out it is said how.
	shownFailures = 20
)

// verdict is what became of an item in one attempt.
type verdict struct {
	entry          joblog.Entry
	stdout, stderr output.Content
	message        string // what there is to say besides what the command wrote
	fatal          error  // why no other command can be run either, or nil
}

// reported is the verdict of a command whose worker lived to tell. The contents
// are not in it yet.
func reported(r *command.Report, timeout time.Duration) verdict {
	v := verdict{entry: joblog.Entry{
		Start: r.Started, Took: r.Took, Exit: r.Exit, Signal: r.Signal, Outcome: joblog.Failed,
	}}
	switch {
	case r.TimedOut:
		v.entry.Outcome = joblog.Timeout
		v.message = timeoutMessage(timeout)
	case r.Succeeded():
		v.entry.Outcome = joblog.Done
		if r.CutOff {
			v.message = "output is cut off where the command exited: something it left running holds it open"
		}
	case r.Fault != "":
		v.message = r.Fault
	case r.Signal != 0:
		v.message = fmt.Sprintf("killed by signal %d (%v)", r.Signal, syscall.Signal(r.Signal))
	default:
		v.message = fmt.Sprintf("exited with status %d", r.Exit)
	}
	return v
}

// unreported is the verdict of a task of which there is no report.
func unreported(ctx context.Context, err error, timeout time.Duration) verdict {
	v := verdict{entry: joblog.Entry{Exit: -1, Outcome: joblog.Failed}}
	var lost *pool.WorkerLostError
	switch {
	case ctx.Err() != nil:
		v.entry.Outcome = joblog.Cancelled
	case errors.As(err, &lost):
		v.entry.Outcome = joblog.Lost
		v.entry.Signal = int(lost.Signal)
		v.message = fmt.Sprintf("lost with what it had written: worker process %d died (%s)", lost.PID, howDied(lost))
	case errors.Is(err, command.ErrCutShort):
		v.entry.Outcome = joblog.Lost
		v.message = fmt.Sprintf("lost with what it had written: %v", err)
	case errors.Is(err, pool.ErrTaskTimeout):
		v.entry.Outcome = joblog.Timeout
		v.message = timeoutMessage(timeout) + "; its worker process did not answer"
	case errors.Is(err, pool.ErrPoolBroken), errors.Is(err, pool.ErrClosed):
		v.entry.Outcome = joblog.Cancelled
		v.fatal = err
	default:
		v.message = err.Error()
	}
	return v
}

// unrunnable is the verdict of an item that cannot be an argument.
func unrunnable(item items.Item) verdict {
	return verdict{
		entry: joblog.Entry{
			Start: time.Now(), Exit: command.ExitNotRunnable, Outcome: joblog.Failed,
		},
		message: item.Err.Error(),
	}
}

func timeoutMessage(timeout time.Duration) string {
	return fmt.Sprintf("killed because it took longer than %v", timeout)
}

// howDied returns it in a few words, with the first line that the worker left
// behind if there is one.
func howDied(lost *pool.WorkerLostError) string {
	how := fmt.Sprintf("exit status %d", lost.ExitCode)
	switch {
	case lost.Signal != 0:
		how = fmt.Sprintf("signal %d, %v", int(lost.Signal), lost.Signal)
	case lost.Cause != "":
		how = lost.Cause
	}
	words := strings.TrimSpace(lost.Crash)
	if words == "" {
		words = strings.TrimSpace(lost.Stderr)
	}
	if line, _, _ := strings.Cut(words, "\n"); line != "" {
		how += ": " + line
	}
	return how
}

// line returns the message as it is written to stderr, or nothing.
func (v *verdict) line(seq int64, item string) string {
	if v.message == "" {
		return ""
	}
	return fmt.Sprintf("multiproc: item %d (%s): %s\n", seq, shorten(item), v.message)
}

func shorten(item string) string {
	if len(item) > shownItem {
		return strconv.Quote(item[:shownItem]) + "..."
	}
	return strconv.Quote(item)
}

// discard gives up what was written in an attempt that is not the last.
func (v *verdict) discard() {
	v.stdout.Discard()
	v.stderr.Discard()
}
