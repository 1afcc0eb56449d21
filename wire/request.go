package wire

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// A Request is one call, as a Handler sees it. It is answered exactly once: later answers are ignored. Its methods are safe
// for concurrent use and don't block; its fields must not be changed.
type Request struct {
	Object   uint64
	Method   string
	Argument []byte // the handler's own

	server  *server
	call    uint64
	refused bool // it is one too many, and cannot wait

	answered atomic.Bool
	kept     atomic.Bool // something below, or the server, has to do with it; set before answered is looked at

	// Guarded by the server's lock.
	active    bool // it is among the server's; not changed once it is answered
	cancelled bool
	onCancel  func()
	ctx       context.Context // nil until somebody wants it
	cancel    context.CancelFunc
}

// A Handler begins to carry out a call: the goroutine that reads runs it, in the order in which the calls have arrived, so
// that it must not block. It answers the request, or has it answered later, by any goroutine. What it does not answer at
// once counts among [ServeOptions].MaxCalls. A panic becomes a reply of the kind Traceback, with its stack.
type Handler func(r *Request)

// InGoroutines returns a Handler that runs h in a goroutine for each call. ctx ends when the caller gives up, its
// connection is gone, or serving ends: h then returns ErrorReply(ctx.Err()) if it has carried out nothing, and its result
// as ever if it has. It must return soon, since Serve waits for it.
func InGoroutines(h func(ctx context.Context, r *Request) Reply) Handler {
	return func(r *Request) {
		if r.Refused() {
			r.Answer(ErrorReply(ErrTooManyCalls))
			return
		}
		ctx := r.Context()
		go func() { // the server waits for its answer
			defer func() { r.panicked(recover()) }()
			r.Answer(h(ctx, r))
		}()
	}
}

// Refused reports whether as many calls are in progress as may be: this one can be answered at once, and not later. If it
// is not answered at once it is cancelled, and the caller gets ErrTooManyCalls.
func (r *Request) Refused() bool { return r.refused }

// Told reports whether the answer goes nowhere.
func (r *Request) Told() bool { return r.call == told }

// Context returns a context that ends when the call is cancelled, or was answered.
func (r *Request) Context() context.Context {
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.ctx == nil {
		r.kept.Store(true)
		r.ctx, r.cancel = context.WithCancel(s.ctx)
		if r.cancelled || r.answered.Load() {
			r.cancel()
		}
	}
	return r.ctx
}

// OnCancel sets what is called when the caller gives up or its connection ends before the answer; fn is called right away
// when that has happened already. fn must see to it that the call is answered soon: with ErrorReply(context.Canceled) if
// nothing was done, with the result if there is one after all. Without an OnCancel, and without anybody who has asked for
// the request's Context, a call that is cancelled is answered with context.Canceled. OnCancel is not to be called under a
// lock that fn takes.
func (r *Request) OnCancel(fn func()) {
	s := r.server
	s.mu.Lock()
	r.kept.Store(true)
	r.onCancel = fn
	cancelled := r.cancelled && !r.answered.Load()
	s.mu.Unlock()
	if cancelled {
		fn()
	}
}

// Answered reports whether the request was answered.
func (r *Request) Answered() bool { return r.answered.Load() }

// Cancelled reports whether the caller has given up or its connection is ending. It is for handlers that are about to
// hand something over, and does not replace OnCancel.
func (r *Request) Cancelled() bool {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return r.cancelled
}

// Requests are made some at a time, with one piece of memory that is kept as long as one of them is, if they have arguments that
// do not matter then.
const (
	requestsAtOnce = 8
	smallArgument  = 64 // bytes
)

// newRequest returns a request for a call with such an argument.
func (s *server) newRequest(argument []byte) *Request {
	if len(argument) > smallArgument {
		return &Request{}
	}
	if len(s.fresh) == 0 {
		s.fresh = make([]Request, requestsAtOnce)
	}
	r := &s.fresh[0]
	s.fresh = s.fresh[1:]
	return r
}

var errNoReply = errors.New("the method has ended its goroutine")

// Answer answers the request, unless that was done before. The reply's payload is the connection's from then on.
func (r *Request) Answer(reply Reply) {
	if r.settle() {
		r.send(reply)
	}
}

// AnswerWith is Answer with what compose returns. It calls compose unless the request was answered before, and after that
// nobody else can answer it.
func (r *Request) AnswerWith(compose func() Reply) {
	if !r.settle() {
		return
	}
	var reply Reply
	composed := false
	defer func() {
		switch recovered := recover(); {
		case composed:
		case recovered != nil:
			reply = ErrorReply(NewPanicError(recovered))
		default:
			reply = ErrorReply(errNoReply)
		}
		r.send(reply)
	}()
	reply = compose()
	composed = true
}

// settle takes the right to answer, and reports whether it was still to be had.
func (r *Request) settle() bool {
	if r.answered.Swap(true) {
		return false
	}
	if !r.kept.Load() { // as for most that are answered at once
		return true
	}
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	r.onCancel = nil
	if r.cancel != nil {
		r.cancel()
	}
	if r.active {
		delete(s.active, r.call)
		s.waiting.Add(-1)
	}
	return true
}

// await makes the request one that is active, unless it was answered.
func (r *Request) await() {
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	r.kept.Store(true)
	if !r.answered.Load() {
		r.active = true
		s.active[r.call] = r
		s.waiting.Add(1)
	}
}

// send sends the answer.
func (r *Request) send(reply Reply) {
	defer r.server.unanswered.Done()
	if r.Told() {
		return
	}
	if r.refused && reply.Kind == Error && r.Cancelled() {
		reply = ErrorReply(ErrTooManyCalls)
	}
	if err := r.server.answer(r.call, reply); err != nil {
		r.server.end(err)
	}
}

// giveUp has the request answered soon.
func (r *Request) giveUp() {
	s := r.server
	s.mu.Lock()
	fn, answered, awaited := r.onCancel, r.answered.Load(), r.ctx != nil
	r.cancelled = true
	if r.cancel != nil {
		r.cancel()
	}
	s.mu.Unlock()
	switch {
	case answered:
	case fn != nil:
		fn()
	case !awaited:
		r.Answer(ErrorReply(context.Canceled))
	}
}

// panicked answers a request whose handler has panicked: the boundary at which panics stop.
func (r *Request) panicked(recovered any) {
	if recovered != nil {
		r.Answer(ErrorReply(NewPanicError(recovered)))
	}
}

// carryOut runs the handler.
func (r *Request) carryOut(h Handler) {
	defer func() { r.panicked(recover()) }()
	h(r)
}

// ReplyAllowance is how many bytes a result may have on top of the limit for arguments, so that an argument that was
// accepted can come back with something around it.
const ReplyAllowance = 256

// answer queues a reply. A result that is beyond the limit for frames becomes an error instead.
func (s *server) answer(call uint64, reply Reply) error {
	if reply.Kind >= unknownKind {
		reply = ErrorReply(fmt.Errorf("the reply is of the unknown kind %d", reply.Kind))
	}
	size := int64(len(reply.Payload))
	if err := checkFrame(size, s.limit+ReplyAllowance); err != nil {
		reply = Reply{Unserializable, AppendError(nil, fmt.Errorf("the result cannot be sent: %w", err))}
		size = int64(len(reply.Payload))
	}
	var memory [headerRoom]byte
	header, err := (&replyHeader{kindReply, call, reply.Kind, uint64(size)}).MarshalMsg(memory[:0])
	if err != nil || s.out.publish(header, reply.Payload) {
		return err
	}
	return s.out.add(newMessage(call, header, reply.Payload))
}
