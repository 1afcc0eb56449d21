package spawn

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ErrNotInitialized is returned where a process is to be started by a program that has not called Main, Init or
// TestMain: its children would run the program all over again, and start children in their turn.
var ErrNotInitialized = errors.New("spawn: this program cannot start processes yet: call spawn.Main(run) in the first " +
	"line of main, spawn.TestMain(m) as the body of TestMain in tests, or spawn.Init() in the first line of a main " +
	"that is to stay as it is")

// ErrEnding is returned where a process is to be started by a program whose finalizers have already ended the others.
var ErrEnding = errors.New("spawn: this program is ending and starts no more processes")

// ErrParentLost is the cause of the context of a child whose parent has died or exited.
var ErrParentLost = errors.New("spawn: the parent process is gone")

// ErrStopRequested is the cause of the context of a child whose parent has asked it to stop.
var ErrStopRequested = errors.New("spawn: the parent asked this process to stop")

// A SignalError is the cause of a context that ended because of a signal.
type SignalError struct {
	Signal syscall.Signal
}

// Error names the signal.
func (e *SignalError) Error() string { return "received " + signalName(e.Signal) }

// ExitCode returns 128 plus the signal's number, as shells have it.
func (e *SignalError) ExitCode() int { return 128 + int(e.Signal) }

// An ExitError is how a process ended that did not exit with status 0.
type ExitError struct {
	Name   string
	PID    int
	Code   int            // exit status; -1 when a signal ended the process, or when another part of the program reaped it
	Signal syscall.Signal // the signal, or 0
	Crash  string         // what Go's runtime wrote of a crash; see Process.CrashOutput
	Stderr string         // see Process.StderrTail
}

// Error says in one line which process ended and how, with the first line of its crash or the last of its stderr.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("%s (pid %d) %s", e.Name, e.PID, e.how())
	if detail := e.detail(); detail != "" {
		text += ": " + detail
	}
	return text
}

// ExitCode returns the exit status, or 128 plus the signal's number, as shells have it: so it is what Main exits with
// when run returns this error.
func (e *ExitError) ExitCode() int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Code
}

func (e *ExitError) how() string {
	if e.Signal != 0 {
		return "was ended by " + signalName(e.Signal)
	}
	if e.Code < 0 {
		return "ended, and its exit status is not known"
	}
	return fmt.Sprintf("exited with status %d", e.Code)
}

func (e *ExitError) detail() string {
	if first, _, _ := strings.Cut(strings.TrimSpace(e.Crash), "\n"); first != "" {
		return first
	}
	tail := strings.TrimSpace(e.Stderr)
	return strings.TrimPrefix(tail[strings.LastIndexByte(tail, '\n')+1:], e.Name+": ")
}

// A StartError is why a process did not get ready. That process is dead and reaped when the error is returned.
type StartError struct {
	Exit ExitError // how it ended, with what it wrote; its PID is 0 where there never was a process
	Err  error     // what the child said of it (a *wire.RemoteError), or what failed in the parent
}

// Error says in one line which process failed to start, and why.
func (e *StartError) Error() string {
	text := "spawn: start " + e.Exit.Name
	if e.Err != nil {
		return text + ": " + e.Err.Error()
	}
	return text + ": it ended before it was ready: " + e.Exit.Error()
}

// Unwrap returns e.Err, and the *ExitError of a process that ended by itself.
func (e *StartError) Unwrap() []error {
	if e.Err != nil {
		return []error{e.Err}
	}
	return []error{&e.Exit}
}
