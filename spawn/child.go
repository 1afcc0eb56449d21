package spawn

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/wire"
)

// self is the boot message of this process; zero in a program's first. It is written while packages initialise, and not
// changed after booting.done is closed.
var self boot

// runChild is what Main is in a child: it runs the role and exits.
func runChild(in *inheritance) {
	<-in.booting.done
	<-in.booting.caught // or a signal after the hello might still have its default effect
	child := &Child{
		Argument: self.Argument,
		Files:    in.files,
		life:     in.booting.life,
		conn:     framed(in.hello),
	}
	initialised.Store(true)
	if in.booting.err != nil {
		child.Leave(fmt.Errorf("spawn: boot message: %w", in.booting.err))
	}
	body, err := child.boot()
	if err == nil {
		err = child.run(body)
	}
	child.Leave(err)
}

// run runs a role. One that ends its goroutine ends its process: what main has deferred is not meant for a child, which would
// then hang.
func (c *Child) run(body func(context.Context, *Child) error) error {
	returned := false
	defer func() {
		if !returned && exiting() {
			c.Leave(fmt.Errorf("role %s ended its goroutine by runtime.Goexit", self.Role))
		}
	}()
	err := body(c.life.ctx, c)
	returned = true
	return err
}

// exiting reports whether the deferred function that calls it runs because of runtime.Goexit, and not of a panic, which is
// not to be recovered to find that out: it would be another one when it goes on.
func exiting() bool {
	callers := make([]uintptr, 8)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	for {
		frame, more := frames.Next()
		switch frame.Function {
		case "runtime.Goexit":
			return true
		case "runtime.gopanic":
			return false
		}
		if !more {
			return false
		}
	}
}

// gone reports whether an error of a read from the lifeline means that there is nobody at its other end.
func gone(err error) bool {
	return !errors.Is(err, wire.ErrBadFrame) && !errors.Is(err, wire.ErrFrameTooLarge)
}

// boot does everything that has to be done before the role can run.
func (c *Child) boot() (func(context.Context, *Child) error, error) {
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
		case received.Kind == orderRole:
			if obey := l.orders.Load(); obey != nil {
				(*obey)(received.Message)
			}
		}
	}
}

// Leave exits as the child does when its role returns err, and never returns. A role whose goroutine is ended by
// runtime.Goexit exits as with an error that says so; one that is to exit otherwise calls Leave in a function that it has
// deferred. It is safe for concurrent use; only the first call counts.
//
// An error before Hello is the parent's to report.
func (c *Child) Leave(err error) {
	if !c.answered() {
		if err == nil {
			err = fmt.Errorf("role %s returned before it was ready", self.Role)
		}
		c.refuse(err)
		err = reportedError{err}
	}
	c.life.finish(err)
}

// reportedError exits with status 1 and writes nothing: the parent has been told, or has given the start up.
type reportedError struct{ error }
