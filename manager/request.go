package manager

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/multiproc-go/multiproc/wire"
)

// A Request is one call of one method, as the object sees it. It is answered exactly once, by Return, ReturnObject or
// Fail: later answers are ignored. Its methods are safe for concurrent use and don't block; its fields must not be changed.
type Request struct {
	Method   string
	Argument []byte // encoded, and the object's to keep
	Session  *Session

	server *Server
	ctx    context.Context // ends with the call

	mu        sync.Mutex // guards the fields below
	reply     wire.Reply
	answered  bool
	cancelled bool
	onCancel  func()
	wake      chan struct{} // closed by the answer; made when somebody has to wait
}

// Context ends when the caller gives up, its session ends, or the manager does. It goes on for a moment after the
// answer: a method that runs in a goroutine of its own heeds it, everything else uses OnCancel.
func (c *Request) Context() context.Context { return c.ctx }

// Return answers with an encoded value, which is the manager's from then on. Each proxy in it gets a reference for the
// caller's session, so that the object may drop its own at once (see [Host.Drop]).
func (c *Request) Return(value []byte) {
	c.answer(func() wire.Reply {
		if int64(len(value)) <= c.server.options.MaxMessage { // else the caller gets an error in its place
			c.server.lend(c.Session, value)
		}
		return wire.Reply{Kind: wire.Return, Payload: value}
	})
}

// ReturnObject makes a shared object of a registered type with construct, which must not block, and answers with a proxy
// for it.
func (c *Request) ReturnObject(typeName string, construct func(*Host) (Object, error)) {
	c.answer(func() wire.Reply {
		token, err := c.server.adopt(c.Session, typeName, construct)
		if err != nil {
			return wire.ErrorReply(err)
		}
		return wire.Reply{Kind: wire.Proxy, Payload: wire.AppendToken(nil, token)}
	})
}

// Fail answers with an error, which must not be nil. Sentinels that were registered with wire.RegisterError are found by
// errors.Is in the caller.
func (c *Request) Fail(err error) {
	c.answer(func() wire.Reply { return wire.ErrorReply(err) })
}

// failEncoding answers that there is a result, and that it cannot travel.
func (c *Request) failEncoding(err error) {
	err = fmt.Errorf("manager: the result of %s cannot be sent: %w", c.Method, err)
	c.answer(func() wire.Reply { return wire.Reply{Kind: wire.Unserializable, Payload: wire.AppendError(nil, err)} })
}

// OnCancel sets what is called, in another goroutine, when the caller gives up or its session ends before the answer;
// fn is called right away when that has happened already. fn must see to it that the call is answered soon: with
// Fail(context.Canceled) if nothing was done, with Return if its turn has come meanwhile. Without an OnCancel a call
// that is cancelled is answered with context.Canceled. OnCancel is to be called once at most, before Object.Call
// returns, and not under a lock that fn takes.
func (c *Request) OnCancel(fn func()) {
	c.mu.Lock()
	c.onCancel = fn
	cancelled := c.cancelled && !c.answered
	c.mu.Unlock()
	if cancelled {
		fn()
	}
}

// Cancelled reports whether the caller has given up or its session is ending. It is for objects that are about to hand
// over something, and does not replace OnCancel.
func (c *Request) Cancelled() bool { return c.ctx.Err() != nil }

// answer settles the call, unless that was done before. make runs at most once.
func (c *Request) answer(compose func() wire.Reply) {
	c.mu.Lock()
	if c.answered {
		c.mu.Unlock()
		return
	}
	c.answered = true
	c.mu.Unlock()
	reply := compose()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reply, c.onCancel = reply, nil
	if c.wake == nil {
		c.wake = answeredAlready
		return
	}
	close(c.wake)
}

// answeredAlready is the wake of calls that were answered before anybody waited.
var answeredAlready = func() chan struct{} {
	closed := make(chan struct{})
	close(closed)
	return closed
}()

// await blocks until the call is answered, and cancels it when its context ends.
func (c *Request) await() wire.Reply {
	c.mu.Lock()
	if c.wake == nil {
		c.wake = make(chan struct{})
	}
	wake := c.wake
	c.mu.Unlock()
	select {
	case <-wake:
	case <-c.ctx.Done():
		c.cancel()
		<-wake
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reply
}

// cancel has the object answer.
func (c *Request) cancel() {
	c.mu.Lock()
	fn, answered := c.onCancel, c.answered
	c.cancelled = true
	c.mu.Unlock()
	switch {
	case answered:
	case fn != nil:
		fn()
	default:
		c.Fail(context.Canceled)
	}
}

// fault answers a call whose object panicked.
func (c *Request) fault(recovered any) {
	err := wire.NewPanicError(recovered)
	c.Fail(fmt.Errorf("manager: %s: %w", c.Method, err))
}

var errSessionEnded = errors.New("manager: the session has ended")
