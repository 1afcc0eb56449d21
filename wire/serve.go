package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A Request is one call, as a Handler sees it.
type Request struct {
	Object   uint64
	Method   string
	Argument []byte // the handler's own
}

// A Handler carries out calls. It is called from any number of goroutines at once. ctx ends when the caller gives up,
// its connection is gone, or serving ends: a handler that was not carried out then answers ErrorReply(ctx.Err()), and
// one that was answers as ever. A panic becomes a reply of the kind Traceback, with its stack.
type Handler func(ctx context.Context, r *Request) Reply

// ServeOptions are Serve's. Zero values are the defaults.
type ServeOptions struct {
	// Inline says which calls never block: they are carried out by the goroutine that reads, which saves waking
	// another. It may be nil, for none.
	Inline func(object uint64, method string) bool
	// MaxCalls is how many calls of the connection may be in progress; a further one is answered with an error that
	// is ErrTooManyCalls.
	MaxCalls int
	// InputLimit is how many bytes the arguments of calls may have together that have not arrived whole. More ends the
	// connection. The default is what one argument may have.
	InputLimit int64
	// OutputLimit is how many bytes of results may wait for a client that does not read. When a result comes on top of
	// more than that, the connection ends.
	OutputLimit int64
}

var (
	// ErrTooManyCalls is what a call beyond MaxCalls is answered with.
	ErrTooManyCalls = errors.New("too many calls in progress")
	// ErrOutputLimit is wrapped when a client does not read its replies.
	ErrOutputLimit = errors.New("the peer does not read its replies")
)

func init() { RegisterError("wire.too_many_calls", ErrTooManyCalls) }

// A server answers the calls of one connection.
type server struct {
	conn     *Conn
	limit    int64 // bytes of one argument or result
	handler  Handler
	inline   func(object uint64, method string) bool
	maxCalls int
	out      *outbox
	handlers sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	active map[uint64]context.CancelFunc
	fault  error // the first reason to end
}

// Serve answers the calls that come over c with handler, and closes c, whose limit for frames is taken as that for each
// argument and result. options may be nil. It blocks until the client
// closes the connection, when it returns nil, or ctx ends or the connection breaks, when it returns why; and then until
// every handler has returned, so handlers must heed their contexts. Errors wrap ctx's error, ErrProtocol,
// ErrFrameTooLarge, ErrInputLimit, ErrOutputLimit, or are the network's.
func Serve(ctx context.Context, c *Conn, handler Handler, options *ServeOptions) error {
	var o ServeOptions
	if options != nil {
		o = *options
	}
	s := &server{
		conn: c, limit: limitMessages(c), handler: handler, inline: o.Inline,
		maxCalls: orDefault(o.MaxCalls, DefaultMaxCalls),
		out:      newOutbox(c, orDefault(o.OutputLimit, DefaultOutputLimit)),
		active:   make(map[uint64]context.CancelFunc),
	}
	handling, cancel := context.WithCancel(ctx)
	var writing sync.WaitGroup
	writing.Go(func() { s.end(s.out.run()) })
	stop := context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	s.end(s.read(handling, newInbox[requestHeader](s.limit, orDefault(o.InputLimit, s.limit))))
	stop()
	cancel()
	s.handlers.Wait()
	writing.Wait()
	if err := s.reason(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("wire: serve: %w", err)
	}
	return nil
}

// end closes the connection; the first reason stays.
func (s *server) end(why error) {
	s.mu.Lock()
	if s.fault == nil {
		s.fault = why
	}
	s.mu.Unlock()
	s.out.end(why)
	_ = s.conn.Close() // it is over either way
}

func (s *server) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// read takes requests until the connection ends, and returns why it did.
func (s *server) read(ctx context.Context, in *inbox[requestHeader]) error {
	first, err := s.conn.ReadFrame(nil)
	if err != nil {
		return err
	}
	if string(first) != preface {
		return protocolError("the peer speaks another protocol")
	}
	for buf := first; ; {
		frame, err := s.conn.ReadFrame(buf)
		if err != nil {
			return err
		}
		buf = frame
		var kept bool
		switch kindOf(frame) {
		case kindRequest:
			kept, err = s.takeRequest(ctx, in, frame)
		case kindSegment:
			err = s.takeSegment(ctx, in, frame)
		case kindCancel:
			err = s.takeCancel(in, frame)
		default:
			err = protocolError("a frame that is no request")
		}
		if err != nil {
			return err
		}
		if kept {
			buf = nil
		}
	}
}

// takeRequest takes a request's first frame, and reports whether the frame now belongs to a handler.
func (s *server) takeRequest(ctx context.Context, in *inbox[requestHeader], frame []byte) (kept bool, err error) {
	var h requestHeader
	payload, err := h.UnmarshalMsg(frame)
	if err != nil {
		return false, protocolError(err.Error())
	}
	whole, err := in.begin(h.Call, h, h.Size, payload)
	if err != nil || !whole {
		return false, err
	}
	return true, s.start(ctx, h, payload)
}

func (s *server) takeSegment(ctx context.Context, in *inbox[requestHeader], frame []byte) error {
	_, a, err := in.segment(frame)
	if err != nil || a == nil {
		return err
	}
	return s.start(ctx, a.header, a.payload)
}

// takeCancel makes sure that the call is answered soon, if it was not yet.
func (s *server) takeCancel(in *inbox[requestHeader], frame []byte) error {
	var h cancelHeader
	if _, err := h.UnmarshalMsg(frame); err != nil {
		return protocolError(err.Error())
	}
	if in.drop(h.Call) {
		return s.answer(h.Call, ErrorReply(context.Canceled))
	}
	s.mu.Lock()
	cancel := s.active[h.Call]
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	return nil
}

// start carries out a request that is whole.
func (s *server) start(ctx context.Context, h requestHeader, argument []byte) error {
	r := &Request{Object: h.Object, Method: h.Method, Argument: argument}
	if s.inline != nil && s.inline(h.Object, h.Method) {
		return s.answer(h.Call, s.carryOut(ctx, r))
	}
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	known, full := s.active[h.Call] != nil, len(s.active) >= s.maxCalls
	if !known && !full {
		s.active[h.Call] = cancel
	}
	s.mu.Unlock()
	switch {
	case known:
		cancel()
		return protocolError("two calls have the same number")
	case full:
		cancel()
		return s.answer(h.Call, ErrorReply(ErrTooManyCalls))
	}
	s.handlers.Go(func() {
		reply := s.carryOut(ctx, r)
		cancel()
		s.mu.Lock()
		delete(s.active, h.Call)
		s.mu.Unlock()
		if err := s.answer(h.Call, reply); err != nil {
			s.end(err)
		}
	})
	return nil
}

// carryOut calls the handler: the boundary at which panics stop.
func (s *server) carryOut(ctx context.Context, r *Request) (reply Reply) {
	defer func() {
		if recovered := recover(); recovered != nil {
			reply = ErrorReply(NewPanicError(recovered))
		}
	}()
	return s.handler(ctx, r)
}

// answer queues a reply. A result that is beyond the limit for frames becomes an error instead.
func (s *server) answer(call uint64, reply Reply) error {
	if reply.Kind == "" {
		reply.Kind = Return
	}
	size := int64(len(reply.Payload))
	if err := checkFrame(size, s.limit); err != nil {
		reply = Reply{Unserializable, AppendError(nil, fmt.Errorf("the result cannot be sent: %w", err))}
		size = int64(len(reply.Payload))
	}
	header, err := (&replyHeader{kindReply, call, string(reply.Kind), uint64(size)}).MarshalMsg(nil)
	if err != nil {
		return err
	}
	err = s.out.add(&outMessage{call: call, header: header, payload: reply.Payload})
	if errors.Is(err, errOutboxFull) {
		return fmt.Errorf("%w: more than %d bytes wait", ErrOutputLimit, s.out.limit)
	}
	return err
}
