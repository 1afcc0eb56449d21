package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/wire"
)

// self is the boot message of this process; zero in a program's first. It is written once, before initialised is set.
var self boot

// runChild is what Main is in a child: it runs the role and exits.
func runChild(in *inheritance) {
	lifeline := framed(in.lifeline)
	bootErr := receive(lifeline, &self)
	if bootErr != nil {
		if gone(bootErr) {
			os.Exit(1) // nobody is left to be told
		}
		self.Name, self.Grace = "child", int64(DefaultGrace)
	}
	child := &Child{
		Argument: self.Argument,
		Files:    in.files,
		life:     newLife(self.Name, time.Duration(self.Grace)),
		conn:     framed(in.hello),
	}
	self.Argument = nil
	initialised.Store(true)
	if bootErr != nil {
		child.leave(fmt.Errorf("spawn: boot message: %w", bootErr))
	}
	body, err := child.boot(lifeline)
	if err == nil {
		err = body(child.life.ctx, child)
	}
	child.leave(err)
}

// gone reports whether an error of a read from the lifeline means that there is nobody at its other end.
func gone(err error) bool {
	return !errors.Is(err, wire.ErrBadFrame) && !errors.Is(err, wire.ErrFrameTooLarge)
}

// boot does everything that has to be done before the role can run.
func (c *Child) boot(lifeline *wire.Conn) (func(context.Context, *Child) error, error) {
	if self.Protocol != protocol {
		return nil, fmt.Errorf("spawn: the parent speaks version %d of the boot protocol, this binary %d: "+
			"was the executable replaced?", self.Protocol, protocol)
	}
	body, err := roleBody(self.Role)
	if err != nil {
		return nil, err
	}
	if err := settle(&self); err != nil {
		return nil, err
	}
	// These two live as long as the process does: its exit is what stops and joins them.
	go c.life.watchLifeline(lifeline, self.Detached)
	go c.life.watchSignals()
	if err := takeBequests(c.life.ctx, self.Sections); err != nil {
		return nil, err
	}
	if err := finalize.RunAfterFork(c.life.ctx); err != nil {
		return nil, fmt.Errorf("spawn: after-fork hooks: %w", err)
	}
	return body, nil
}

// settle makes the settings that this process alone is to have, and not the commands that it runs.
func settle(b *boot) error {
	if b.Procs > 0 {
		runtime.GOMAXPROCS(b.Procs)
	}
	if b.MemoryLimit > 0 {
		debug.SetMemoryLimit(b.MemoryLimit)
	}
	limits := make([]Limit, len(b.Limits))
	for i, limit := range b.Limits {
		limits[i] = Limit(limit)
	}
	return setLimits(limits)
}

// watchLifeline waits for orders, and for the end of the parent: however it dies, the kernel closes its end of the pipe.
func (l *life) watchLifeline(lifeline *wire.Conn, detached bool) {
	for {
		var received order
		err := receive(lifeline, &received)
		switch {
		case err != nil && !detached:
			l.end(ErrParentLost)
			return
		case err != nil:
			return
		case received.Kind == orderStop:
			l.end(ErrStopRequested)
		}
	}
}

// watchSignals ends the child's life at the first signal. A later one finds it ending, within its grace period.
func (l *life) watchSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, endingSignals()...)
	for received := range signals {
		l.end(&SignalError{Signal: received.(syscall.Signal)})
	}
}

// leave exits with what the role's error means. An error before Hello is the parent's to report.
func (c *Child) leave(err error) {
	if !c.answered() {
		if err == nil {
			err = fmt.Errorf("role %s returned before it was ready", self.Role)
		}
		c.refuse(err)
		err = reportedError{err}
	}
	c.life.finish(err)
}

// reportedError exits with status 1 and writes nothing: the parent has been told.
type reportedError struct{ error }
