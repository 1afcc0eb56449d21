package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

// stall is how long printing may make no progress after the second signal.
const stall = time.Second

// Why a run, or its printing, ends early.
var (
	errQuit    = errors.New("received SIGQUIT")
	errStalled = errors.New("nobody takes the output")
	errHurried = errors.New("received another signal")
)

// watchQuit takes SIGQUIT for a second signal, whether or not there was a first.
func watchQuit(ctx context.Context) error {
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)
	select {
	case <-quit:
		return errQuit
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// limitPrinting ends printing at the end of the run: at once if it ends for
// want of a reader or for a fault, and after a second signal when nothing was
// printed for a while that could have been, or at one signal more.
func (m *mapper) limitPrinting(ctx context.Context, stop context.CancelCauseFunc) error {
	<-ctx.Done()
	cause := context.Cause(ctx)
	if !bySignal(cause) || m.plan.dryRun {
		stop(cause)
		return cause
	}
	another := make(chan os.Signal, 1)
	signal.Notify(another, signalsThatEnd()...)
	defer signal.Stop(another)
	tick := time.NewTicker(stall / 10)
	defer tick.Stop()
	written, since := m.streams.written(), time.Now()
	for {
		select {
		case <-m.worked:
			stop(errOver)
			return cause
		case <-another:
			stop(errHurried)
			return cause
		case now := <-tick.C:
			if n := m.streams.written(); n != written || !m.printer.Printing() {
				written, since = n, now
			} else if now.Sub(since) >= stall {
				stop(errStalled)
				return cause
			}
		}
	}
}

// bySignal reports whether a run has ended because of a signal.
func bySignal(cause error) bool {
	var received *spawn.SignalError
	return errors.Is(cause, errQuit) || errors.As(cause, &received)
}

// signalsThatEnd returns the signals that end a run. One that was ignored when
// the program started, as SIGHUP is under nohup, stays ignored.
func signalsThatEnd() []os.Signal {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}
