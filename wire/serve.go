package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ServeOptions are Serve's. Zero values are the defaults.
type ServeOptions struct {
	// MaxCalls is how many calls of the connection may be in progress after their handler has returned; a further one that
	// would have to wait is answered with an error that is ErrTooManyCalls.
	MaxCalls int
	// InputLimit is how many bytes the arguments of calls may have together that have not arrived whole. More ends the
	// connection. The default is the most that a Caller of the same limit for frames sends.
	InputLimit int64
	// OutputLimit is how many bytes of results may wait for a client, if there are several. While there are more, no
	// further call of the client is read, and if it takes none of them for StallTimeout, the connection ends.
	OutputLimit  int64
	StallTimeout time.Duration
	// ShareMemory takes shared memory that a client on a Unix socket offers, where the system has it (Linux).
	ShareMemory bool
	// Ended, which may be nil, is called when the last call was answered, before shared memory is let go.
	Ended func()
}

// DefaultStallTimeout is the default of ServeOptions.StallTimeout.
const DefaultStallTimeout = 5 * time.Second

var (
	// ErrTooManyCalls is what a call beyond MaxCalls is answered with.
	ErrTooManyCalls = errors.New("too many calls in progress")
	// ErrOutputLimit is wrapped when a client does not read its replies.
	ErrOutputLimit = errors.New("the peer does not read its replies")
)

// A server answers the calls of one connection.
type server struct {
	conn       *Conn
	limit      int64 // bytes of one argument or result
	handler    Handler
	maxCalls   int
	out        *outbox
	unanswered sync.WaitGroup
	ctx        context.Context // ends with the connection
	welcome    bool            // a client's offer of shared memory is

	// Of the goroutine that reads.
	lane  *lane  // or nil
	early []byte // a frame of the socket whose turn has not come
	gone  error  // why nothing comes over the socket any more
	names names
	begun bool      // a call that was not answered at once, since other goroutines could run
	fresh []Request // for the next calls

	waiting atomic.Int64 // calls that are active

	mu     sync.Mutex // guards the fields below, and those of requests
	active map[uint64]*Request
	fault  error // the first reason to end
}

// Serve answers the calls that come over c with handler, and closes c, whose limit for frames is taken as that for each
// argument and result. options may be nil. It blocks until the client closes the connection, when it returns nil, or ctx
// ends or the connection breaks, when it returns why; and then until every call has been answered, so handlers must heed
// that they are cancelled. Errors wrap ctx's error, ErrProtocol, ErrFrameTooLarge, ErrInputLimit, ErrOutputLimit, or are
// the network's.
func Serve(ctx context.Context, c *Conn, handler Handler, options *ServeOptions) error {
	var o ServeOptions
	if options != nil {
		o = *options
	}
	limit := limitMessages(c)
	s := &server{
		conn: c, limit: limit, handler: handler,
		maxCalls: orDefault(o.MaxCalls, DefaultMaxCalls),
		out:      newOutbox(c, orDefault(o.OutputLimit, DefaultOutputLimit), limit),
		active:   make(map[uint64]*Request),
	}
	c.serving.Store(s)
	s.welcomeMemory(o.ShareMemory)
	s.out.stall = orDefault(o.StallTimeout, DefaultStallTimeout)
	var cancel context.CancelFunc
	s.ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	var writing sync.WaitGroup
	writing.Go(func() { s.end(s.out.run()) })
	stop := context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	s.end(s.read(newInbox[requestHeader](limit, orDefault(o.InputLimit, limit))))
	stop()
	cancel()
	s.giveUpAll()
	s.unanswered.Wait()
	writing.Wait()
	if o.Ended != nil {
		o.Ended()
	}
	s.dropLane()
	c.serving.Store(nil)
	if err := s.reason(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("wire: serve: %w", err)
	}
	return nil
}

// Unanswered returns how many calls [Serve] has begun to carry out over the connection that wait for their answer: their
// handler has returned without one. Those of objects that counts refuses are left out. It does not block, and counts must not
// either.
func (c *Conn) Unanswered(counts func(object uint64) bool) (n int) {
	s := c.serving.Load()
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.active {
		if counts(r.Object) {
			n++
		}
	}
	return n
}

// giveUpAll cancels the calls that are in progress.
func (s *server) giveUpAll() {
	s.mu.Lock()
	active := slices.Collect(maps.Values(s.active))
	s.mu.Unlock()
	for _, r := range active {
		r.giveUp()
	}
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
func (s *server) read(in *inbox[requestHeader]) error {
	first, err := s.conn.ReadFrame(nil)
	if err != nil {
		return err
	}
	if string(first) != preface {
		return protocolError("the peer speaks another protocol")
	}
	for buf := first; ; {
		if err := s.out.awaitRoom(s.buffered()); err != nil {
			return err
		}
		frame, err := s.receive(buf)
		if err != nil {
			return err
		}
		s.out.hold()
		buf = frame
		var kept bool
		switch kindOf(frame) {
		case kindRequest:
			kept, err = s.takeRequest(in, frame)
		case kindSegment:
			err = s.takeSegment(in, frame)
		case kindCancel:
			err = s.takeCancel(in, frame)
		case kindOffer:
			err = s.takeOffer(frame)
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
func (s *server) takeRequest(in *inbox[requestHeader], frame []byte) (kept bool, err error) {
	var h requestHeader
	payload, err := h.read(frame, &s.names)
	if err != nil {
		return false, protocolError(err.Error())
	}
	if h.Call == told && h.Size != uint64(len(payload)) {
		return false, protocolError("a call that was told is not whole")
	}
	whole, err := in.begin(h.Call, h, h.Size, payload)
	if err != nil || !whole {
		return false, err
	}
	payload, kept = keep(payload, frame)
	return kept, s.start(h, payload)
}

func (s *server) takeSegment(in *inbox[requestHeader], frame []byte) error {
	_, a, err := in.segment(frame)
	if err != nil || a == nil {
		return err
	}
	return s.start(a.header, a.payload)
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
	r := s.active[h.Call]
	s.mu.Unlock()
	if r != nil {
		r.giveUp()
	}
	return nil
}

// start carries out a request that is whole.
func (s *server) start(h requestHeader, argument []byte) error {
	full := false
	if s.waiting.Load() != 0 {
		s.mu.Lock()
		known := s.active[h.Call] != nil
		full = len(s.active) >= s.maxCalls
		s.mu.Unlock()
		if known {
			return protocolError("two calls have the same number")
		}
	}
	r := s.newRequest(argument)
	r.Object, r.Method, r.Argument = h.Object, h.Method, argument
	r.server, r.call, r.refused = s, h.Call, full || h.Call == told
	s.unanswered.Add(1) // even if another goroutine is answering it already when the handler returns
	r.carryOut(s.handler)
	switch {
	case r.Answered():
	case r.refused:
		r.giveUp()
	default:
		s.begun = true
		r.await()
	}
	return nil
}
