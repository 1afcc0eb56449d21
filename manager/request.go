package manager

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc-go/multiproc/wire"
)

// A Request is one call of one method, as the object sees it. It is answered exactly once, by Return, ReturnObject or
// Fail: later answers are ignored. Its methods are safe for concurrent use and don't block; its fields must not be changed.
type Request struct {
	Method   string
	Argument []byte // encoded, and the object's to keep
	Session  *Session

	call        *wire.Request
	cancellable bool // of the goroutine that runs Object.Call
}

// Context returns a context that ends when the caller gives up, its session ends, the manager does, or the call was
// answered. A method that runs in a goroutine of its own heeds it; everything else uses OnCancel.
func (c *Request) Context() context.Context { return c.call.Context() }

// Return answers with an encoded value, which is the manager's from then on. Each proxy in it gets a reference for the
// caller's session, so that the object may drop its own at once (see [Host.Drop]).
func (c *Request) Return(value []byte) {
	c.answer(func() wire.Reply {
		if c.call.Told() {
			return wire.Reply{} // nobody gets it
		}
		return c.Session.pack(value)
	})
}

// ReturnObject makes a shared object of a registered type with construct, which must not block, and answers with a proxy
// for it.
func (c *Request) ReturnObject(typeName string, construct func(*Host) (Object, error)) {
	c.answer(func() wire.Reply {
		token, err := c.Session.server.adopt(c.Session, typeName, construct)
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

// pack makes a reply of a result. Each proxy in it gets a reference for the session, if the result fits what both ends take.
func (s *Session) pack(result []byte) wire.Reply {
	limit := s.server.options.MaxMessage
	if g := s.client.Load(); g != nil && g.MaxMessage > 0 {
		limit = min(limit, g.MaxMessage)
	}
	if int64(len(result)) > limit+wire.ReplyAllowance {
		err := fmt.Errorf("manager: the result has %d bytes, and MaxMessage of the manager and this session is %d: %w",
			len(result), limit, wire.ErrFrameTooLarge)
		return wire.Reply{Kind: wire.Unserializable, Payload: wire.AppendError(nil, err)}
	}
	s.server.lend(s, result)
	return wire.Reply{Kind: wire.Return, Payload: result}
}

// failEncoding answers that there is a result, and that it cannot travel.
func (c *Request) failEncoding(err error) {
	err = fmt.Errorf("manager: the result of %s cannot be sent: %w", c.Method, err)
	c.answer(func() wire.Reply { return wire.Reply{Kind: wire.Unserializable, Payload: wire.AppendError(nil, err)} })
}

// OnCancel sets what is called when the caller gives up or its session ends before the answer; fn is called right away
// when that has happened already. fn must see to it that the call is answered soon: with Fail(context.Canceled) if
// nothing was done, with Return if its turn has come meanwhile. Without an OnCancel a call that is cancelled is answered
// with context.Canceled. OnCancel is to be called once at most, before Object.Call returns, and not under a lock that fn
// takes.
func (c *Request) OnCancel(fn func()) {
	c.cancellable = true
	c.call.OnCancel(fn)
}

// Cancelled reports whether the caller has given up or its session is ending. It is for objects that are about to hand
// over something, and does not replace OnCancel.
func (c *Request) Cancelled() bool { return c.call.Cancelled() }

// Refused reports whether the session has as many calls in progress as it may have: this one can be answered at once, and
// not later. If it is not answered when Object.Call returns it is cancelled, and the caller gets wire.ErrTooManyCalls.
func (c *Request) Refused() bool { return c.call.Refused() }

// answer settles the call, unless that was done before. compose runs at most once.
func (c *Request) answer(compose func() wire.Reply) { c.call.AnswerWith(compose) }

// fault answers a call whose object panicked.
func (c *Request) fault(recovered any) {
	err := wire.NewPanicError(recovered)
	c.Fail(fmt.Errorf("manager: %s: %w", c.Method, err))
}

// Requests are made some at a time, with one piece of memory that is kept as long as one of them is, if they have arguments that
// do not matter then.
const (
	requestsAtOnce = 8
	smallArgument  = 64 // bytes
)

// newRequest returns a request for a call with such an argument.
func (s *Session) newRequest(argument []byte) *Request {
	if len(argument) > smallArgument {
		return &Request{}
	}
	if len(s.fresh) == 0 {
		s.fresh = make([]Request, requestsAtOnce)
	}
	c := &s.fresh[0]
	s.fresh = s.fresh[1:]
	return c
}

var errSessionEnded = errors.New("manager: the session has ended")
