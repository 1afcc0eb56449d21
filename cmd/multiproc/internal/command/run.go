package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
)

// outputDelay is how long the output of a command that has exited is waited
// for when something that it left in the background holds it open.
const outputDelay = time.Second

var errTimeout = errors.New("the command's time is up")

// ErrCutShort is the error of a command that was killed because its worker was
// told to end.
var ErrCutShort = errors.New("the worker process was told to end")

// Run runs the command and blocks until it has exited and its output has ended.
// A command that fails, cannot be run or is out of time is a Report as well; the
// error is nil but when ctx ended first: then the command and all that it has
// started are killed before Run returns an error that wraps ErrCutShort and the
// cause of ctx's end.
func Run(ctx context.Context, job Job) (Report, error) {
	if job.Timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, job.Timeout, errTimeout)
		defer cancel()
		ctx = limited
	}
	stdout, stderr := &capture{overflow: job.Stdout}, &capture{overflow: job.Stderr}
	cmd, mark := prepare(job.Arguments)
	cmd.Stdout, cmd.Stderr = stdout, stderr

	report := Report{Started: time.Now()}
	killed := false
	if err := cmd.Start(); err != nil {
		report.Exit, report.Fault = notStarted(job.Arguments[0], err)
	} else {
		killed, report.CutOff = supervise(ctx, cmd, treeOf(cmd, mark))
	}
	report.Took = time.Since(report.Started)
	report.Stdout, report.Stderr = stdout.finish(), stderr.finish()
	if cmd.ProcessState != nil {
		report.conclude(cmd.ProcessState, errors.Join(stdout.err, stderr.err))
	}
	if !killed {
		return report, nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, errTimeout) {
		return Report{}, fmt.Errorf("%w: %w", ErrCutShort, cause)
	}
	report.TimedOut, report.Exit = true, -1
	return report, nil
}

// prepare returns the command, not started, and the mark that it and all that
// it starts will have in their environment.
func prepare(arguments []string) (*exec.Cmd, string) {
	mark := finalize.NewMark(finalize.OwnMark())
	cmd := exec.Command(arguments[0], arguments[1:]...)
	cmd.Env = append(os.Environ(), finalize.MarkVariable+"="+mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = outputDelay
	return cmd, mark
}

// conclude says how a command that was started has ended.
func (r *Report) conclude(state *os.ProcessState, outputErr error) {
	r.Exit = state.ExitCode()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.Signal = int(status.Signal())
		r.Exit = 128 + r.Signal
	}
	if outputErr != nil {
		r.Fault = fmt.Sprintf("output could not be kept: %v", outputErr)
	}
}

// notStarted returns what a shell would for a command that could not be run.
func notStarted(program string, err error) (exit int, fault string) {
	reason := err
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		reason = pathErr.Err
	}
	if execErr := (*exec.Error)(nil); errors.As(err, &execErr) {
		reason = execErr.Err
	}
	switch {
	case errors.Is(err, exec.ErrNotFound), program == "":
		return ExitNotFound, fmt.Sprintf("%s: command not found", program)
	case errors.Is(err, fs.ErrNotExist):
		return ExitNotFound, fmt.Sprintf("%s: %v", program, reason)
	default:
		return ExitNotRunnable, fmt.Sprintf("%s: %v", program, reason)
	}
}
