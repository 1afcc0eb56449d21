package spawn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// StartRole starts this binary again as a child that runs a role registered with RegisterRole, and returns when that
// has called Child.Hello. It is the level that other packages of this module stand on; programs start registered
// functions with Entry.Start.
//
// The child inherits argument and files: it has its own copies of both when StartRole returns, and the caller's stay
// the caller's. ctx bounds the start alone; where it ends first, the child is killed. The Process is the caller's to
// end or to wait for; what is left when the program ends is ended by a finalizer.
//
// StartRole is safe for concurrent use. It returns ErrNotInitialized, ErrEnding, an error that names every fault of the
// options before anything is started, or a *StartError: then the child is dead and reaped.
func StartRole(ctx context.Context, role string, argument []byte, files []*os.File, o *Options) (*Process, error) {
	return start(ctx, role, path.Base(role), argument, files, o)
}

// start is StartRole with a name for a process whose options have none.
func start(ctx context.Context, role, name string, argument []byte, files []*os.File, o *Options) (*Process, error) {
	if !initialised.Load() {
		return nil, ErrNotInitialized
	}
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("spawn: start %s: %w", name, err)
	}
	if _, err := roleBody(role); err != nil {
		return nil, err
	}
	o = o.orDefault()
	if o.Name != "" {
		name = o.Name
	}
	if err := ctx.Err(); err != nil {
		return nil, failed(name, context.Cause(ctx))
	}
	message, err := encodeBoot(role, name, argument, o)
	if err != nil {
		return nil, failed(name, err)
	}
	l := &launch{options: o, name: name, mark: childMark(o.Detached), message: message, files: files}
	return l.start(ctx)
}

func failed(name string, err error) error {
	return &StartError{Exit: ExitError{Name: name, Code: -1}, Err: err}
}

// start forks the child and waits for its hello.
func (l *launch) start(ctx context.Context) (*Process, error) {
	defer l.release()
	if err := l.open(); err != nil {
		return nil, failed(l.name, err)
	}
	pid, reaper, err := l.fork()
	if err != nil {
		return nil, failed(l.name, err)
	}
	answer := l.answer() // before adopt closes what has no owner
	p := l.adopt(pid, reaper)
	if err := children.begin(p); err != nil {
		return nil, errors.Join(err, answer.Close())
	}
	defer close(p.started)
	if err := p.boot(ctx, l, answer); err != nil {
		return nil, p.abandon(ctx, err)
	}
	<-p.identified // long since
	guard.flush()
	return p, nil
}

// boot sends the boot message and waits for the hello. It closes answer, unless more is to come.
func (p *Process) boot(ctx context.Context, l *launch, answer *os.File) error {
	conn := framed(answer)
	defer func() {
		if p.knocks.Load() == nil {
			_ = conn.Close()
		}
	}()
	undo := interrupting(ctx, answer, p.lifeline.NetConn())
	defer undo()
	if l.options.Niceness != 0 {
		if err := setNiceness(p.pid, l.options.Niceness); err != nil {
			return err
		}
	}
	if err := p.lifeline.WriteFrame(l.message); err != nil {
		return errSilent
	}
	var message hello
	if err := receive(conn, &message); err != nil {
		return errSilent
	}
	if message.Failed {
		said, err := wire.DecodeError(message.Error)
		if err != nil {
			return fmt.Errorf("decode the error of the child: %w", err)
		}
		return said
	}
	p.address = message.Address
	if message.Knocks {
		p.keepKnocks(conn)
	}
	return nil
}

// interrupting has the end of ctx fail the reading of the hello, and the writing to the lifeline, until undo is called.
// What is said later is none of ctx's business.
func interrupting(ctx context.Context, answer *os.File, lifeline net.Conn) (undo func()) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		past := time.Unix(1, 0)
		_ = answer.SetReadDeadline(past) // fails once the child has exited, as reading does then
		_ = lifeline.SetWriteDeadline(past)
	})
	return func() {
		if !stop() {
			<-interrupted
			_ = answer.SetReadDeadline(time.Time{})
			_ = lifeline.SetWriteDeadline(time.Time{})
		}
	}
}

// errSilent is the failure of a child that closed its ends of the pipes without a hello: by its exit, in practice.
var errSilent = errors.New("it closed its pipes before it was ready")

// abandon ends a child that did not get ready, and makes the error that tells why.
func (p *Process) abandon(ctx context.Context, err error) error {
	var said *wire.RemoteError
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, errSilent) || errors.As(err, &said):
		p.await(p.grace) // it is ending by itself: with its exit status, finalizers and last words
	}
	exited := p.hasExited()
	killErr := p.KillTree(context.WithoutCancel(ctx))
	<-p.done
	if exited && errors.Is(err, errSilent) {
		err = nil
	}
	return &StartError{Exit: *p.exitError(), Err: errors.Join(err, killErr)}
}
