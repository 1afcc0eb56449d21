package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/wire"
)

// A link is the client's end of a session: one connection to one manager, and what this process refers to through it.
type link struct {
	caller  *wire.Caller
	address string // as the manager itself knows it, and as it stands in tokens
	session uint64
	server  welcome

	maxMessage int64 // bytes of an argument: what the manager takes and this end sends

	closed atomic.Bool
	close  func() error

	mu     sync.Mutex // guards the fields below
	held   table[uint64, *holding]
	debts  debts
	paying chan struct{} // closed when the goroutine that settles debts ends; nil without one

	// Encoded proxies are kept for a moment; see keepEncoded.
	encoded []*handle
	fading  []*handle
	fade    bool
}

// openLink greets the manager at the other end of a connection, which the link owns.
func openLink(ctx context.Context, conn *wire.Conn, o *Options) (*link, error) {
	l := &link{caller: wire.NewCaller(conn, &wire.CallOptions{VerdictTimeout: o.VerdictTimeout})}
	l.close = sync.OnceValue(l.closeAll)
	reply, err := l.caller.Call(ctx, serverObject, methodGreet, encode(greeting{
		Version: protocolVersion, PID: os.Getpid(), Name: processName(), MaxMessage: o.MaxMessage,
	}))
	if err == nil {
		l.server, err = decode[welcome](reply.Payload)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("manager: greet: %w", l.explain(err)), l.caller.Close())
	}
	l.address, l.session = l.server.Address, l.server.Session
	l.maxMessage = min(l.server.MaxMessage, o.MaxMessage)
	l.caller.LimitArguments(l.maxMessage)
	if l.server.Memory && !o.NoSharedMemory {
		l.caller.ShareMemory()
	}
	directory.enterLink(l)
	return l, nil
}

// call calls a method. Errors of the session are those of this package.
func (l *link) call(ctx context.Context, object uint64, method string, argument []byte) (wire.Reply, error) {
	if err := l.checkSize(method, argument); err != nil {
		return wire.Reply{}, err
	}
	reply, err := l.caller.Call(ctx, object, method, argument)
	if err != nil {
		return reply, l.explain(err)
	}
	return reply, nil
}

// checkSize returns an error for an argument beyond MaxMessage.
func (l *link) checkSize(method string, argument []byte) error {
	if int64(len(argument)) <= l.maxMessage {
		return nil
	}
	return l.tooLarge(method, argument)
}

func (l *link) tooLarge(method string, argument []byte) error {
	return fmt.Errorf("manager: %s: the argument has %d bytes, and MaxMessage of the manager and this session is %d: %w",
		method, len(argument), l.maxMessage, wire.ErrFrameTooLarge)
}

// explain says in this package's terms what a session's end means to a call. Whoever hears of it can rely on it that nothing
// goes on through the words either: what he holds by one is lost, and not released.
func (l *link) explain(err error) error {
	switch {
	case errors.As(err, new(*wire.RemoteError)):
		return err
	case errors.Is(err, wire.ErrClosed):
		err = fmt.Errorf("%w here: %w", ErrClosed, err)
	case errors.Is(err, wire.ErrConnectionLost):
		err = fmt.Errorf("%w: %w", ErrManagerLost, err)
	default:
		return err
	}
	if words := l.caller.Words(); words != nil && l.caller.Ended() { // and not another one that ctx ended for
		words.Leave()
	}
	return err
}

// lost returns nil, or an error that wraps ErrManagerLost for a session that has ended, and not by being closed here.
func (l *link) lost() error {
	if err := l.caller.Err(); errors.Is(err, wire.ErrConnectionLost) {
		return l.explain(err)
	}
	return nil
}

// closeAll ends the session and waits for its goroutines.
func (l *link) closeAll() error {
	l.closed.Store(true)
	directory.leaveLink(l)
	err := l.caller.Close()
	l.mu.Lock()
	paying := l.paying
	l.mu.Unlock()
	if paying != nil {
		<-paying
	}
	return err
}

// alive reports whether calls can still succeed.
func (l *link) alive() bool {
	select {
	case <-l.caller.Lost():
		return false
	default:
		return !l.closed.Load()
	}
}
