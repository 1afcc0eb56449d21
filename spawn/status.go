package spawn

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// exitStatus is the exit status that an error of run or of a role means, and what to write to stderr.
func exitStatus(err error) (code int, message string) {
	if err == nil {
		return 0, ""
	}
	var reported reportedError
	if errors.As(err, &reported) {
		return 1, ""
	}
	var signalled *SignalError
	if errors.As(err, &signalled) {
		return signalled.ExitCode(), ""
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		if code := coded.ExitCode(); code >= 0 && code <= 255 {
			return code, err.Error()
		}
	}
	return 1, err.Error()
}

// endingSignals are those that ask a program to end. SIGHUP is not one where it was ignored from the start, as it is
// under nohup.
func endingSignals() []os.Signal {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}
