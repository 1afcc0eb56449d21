package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ListenOptions are a listener's.
type ListenOptions struct {
	TransportOptions
	// Rejected, if not nil, is told of each connection that did not get through the handshake. It is called from
	// any number of goroutines at once.
	Rejected func(peer net.Addr, err error)
}

// maxHandshakes is how many connections may be in their handshake at once. One more ends the oldest, which has had
// the longest time.
const maxHandshakes = 128

// A Listener accepts connections and makes the handshakes of all of them at once, so that a silent or slow peer
// delays no other. It is safe for concurrent use.
type Listener struct {
	listener net.Listener
	options  ListenOptions
	folder   *SocketFolder // to be removed, if not nil
	ready    chan *Conn
	ended    chan struct{} // closed when no more connections come, after fault is set
	fault    error
	ctx      context.Context // ends at Close
	cancel   context.CancelFunc
	close    func() error
	running  sync.WaitGroup

	mu      sync.Mutex // guards the field below
	waiting []*handshake
}

type handshake struct{ cancel context.CancelCauseFunc }

// Listen listens on "unix", "tcp", "tcp4" or "tcp6". With the network "unix" and no address the socket is in a new
// directory that only this user can enter, and which Close removes; if this process is killed, the next that makes one on
// this host does (see SocketFolder). options may be nil. ctx bounds the call alone.
// The caller owns the Listener. Faults of the options are reported all together.
func Listen(ctx context.Context, network, address string, options *ListenOptions) (*Listener, error) {
	var o ListenOptions
	if options != nil {
		o = *options
	}
	if err := o.check(network); err != nil {
		return nil, fmt.Errorf("wire: listen: %w", err)
	}
	l := &Listener{options: o, ready: make(chan *Conn), ended: make(chan struct{})}
	if network == "unix" && address == "" {
		folder, err := NewSocketFolder()
		if err != nil {
			return nil, fmt.Errorf("wire: listen: %w", err)
		}
		l.folder, address = folder, folder.Socket()
	}
	var err error
	if l.listener, err = new(net.ListenConfig).Listen(ctx, network, address); err != nil {
		return nil, errors.Join(fmt.Errorf("wire: %w", err), l.removeFolder())
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.close = sync.OnceValue(l.closeAll)
	l.running.Go(l.run)
	return l, nil
}

func (l *Listener) removeFolder() error {
	if l.folder == nil {
		return nil
	}
	return l.folder.Remove()
}

// Addr returns the address that peers dial. The caller must not change it.
func (l *Listener) Addr() net.Addr { return l.listener.Addr() }

// Accept returns the next connection that is through its handshake; the caller owns it. It blocks until there is one,
// ctx ends, or the Listener is closed: the error then wraps net.ErrClosed.
func (l *Listener) Accept(ctx context.Context) (*Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wire: accept: %w", context.Cause(ctx))
	case <-l.ended:
		return nil, fmt.Errorf("wire: accept: %w", l.fault)
	}
}

// Close stops listening, ends the handshakes and closes the connections that were not accepted yet; accepted ones are
// their owner's. It removes the socket's file. It waits for the Listener's goroutines, which takes no longer than a
// call of Rejected. Later calls return what the first did.
func (l *Listener) Close() error { return l.close() }

func (l *Listener) closeAll() error {
	l.cancel()
	err := l.listener.Close()
	l.running.Wait()
	if err := errors.Join(err, l.removeFolder()); err != nil {
		return fmt.Errorf("wire: close listener: %w", err)
	}
	return nil
}

// run accepts until the listener is closed or broken.
func (l *Listener) run() {
	defer close(l.ended)
	for pause := time.Duration(0); ; {
		raw, err := l.listener.Accept()
		switch {
		case err == nil:
			pause = 0
			l.start(raw)
		case l.ctx.Err() != nil || !passing(err):
			l.fault = err
			return
		default: // too many open files, or a peer that left at once
			pause = min(max(2*pause, time.Millisecond), time.Second)
			l.pause(pause)
		}
	}
}

func (l *Listener) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
}

// start makes the handshake of one connection in a goroutine of its own.
func (l *Listener) start(raw net.Conn) {
	ctx, cancel := context.WithCancelCause(l.ctx)
	h := &handshake{cancel}
	l.mu.Lock()
	l.waiting = append(l.waiting, h)
	if len(l.waiting) > maxHandshakes {
		l.waiting[0].cancel(fmt.Errorf("%w: %d later connections came before it was done", ErrAuthentication, maxHandshakes))
		l.waiting = l.waiting[1:]
	}
	l.mu.Unlock()
	l.running.Go(func() {
		defer cancel(nil)
		c, err := l.options.establish(ctx, raw, AuthOptions.Server)
		l.forget(h)
		switch {
		case err == nil:
			l.deliver(c)
		case l.options.Rejected != nil && l.ctx.Err() == nil:
			l.options.Rejected(raw.RemoteAddr(), err)
		}
	})
}

func (l *Listener) forget(h *handshake) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.waiting {
		if w == h {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return
		}
	}
}

func (l *Listener) deliver(c *Conn) {
	select {
	case l.ready <- c:
	case <-l.ctx.Done():
		_ = c.Close() // nobody will ever ask
	}
}
