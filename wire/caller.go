package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// preface is the payload of the first frame that a Caller sends: it chooses the protocol.
const preface = "multiproc msgp 1"

var (
	// ErrConnectionLost is wrapped when a connection ended, or gave no verdict in time, with calls in flight or
	// before a call.
	ErrConnectionLost = errors.New("connection lost")
	// ErrClosed is wrapped when a Caller was closed.
	ErrClosed = errors.New("closed")
)

// Defaults of CallOptions and ServeOptions.
const (
	DefaultVerdictTimeout = time.Second
	DefaultOutputLimit    = 16 << 20 // bytes
	DefaultMaxCalls       = 10_000
)

// CallOptions are a Caller's. Zero values are the defaults.
type CallOptions struct {
	// VerdictTimeout is how long a call whose context ended waits for the server to say whether it was carried out.
	// After it, or as long without progress of a reply that has begun, the connection is lost. While other replies arrive,
	// it is sixty times that.
	VerdictTimeout time.Duration
	// OutputLimit is how many bytes of arguments may wait to be written before a further Call has to wait.
	OutputLimit int64
}

// A Caller makes calls over one connection, any number of them at once: replies come in any order, a blocked call
// blocks no other, and large arguments and results are interleaved. It is safe for concurrent use.
type Caller struct {
	conn          *Conn
	limit         int64 // bytes of one argument or result
	verdict       time.Duration
	out           *outbox
	begun         atomic.Uint64 // calls; the number of the last one
	settled       atomic.Uint64 // of these, calls that have their reply, or need none; changed under the lock
	running       atomic.Int32
	frames        atomic.Int64 // that have arrived
	argumentLimit atomic.Int64 // what LimitArguments has set, or else the connection's limit

	lost chan struct{} // closed once all goroutines have ended

	mayOffer atomic.Bool // the server takes shared memory
	beside   atomic.Bool // replies may come through shared memory
	ending   atomic.Bool // nobody is to wait for them any more

	dozing  atomic.Bool   // the server is to ring, and looking is of no use meanwhile
	relayed atomic.Bool   // the goroutine that looks for all reads, or is about to
	relay   chan struct{} // holds one value: wakes it

	reading  sync.Mutex // guards the fields below: whoever has it reads from lane, and hands out what has arrived
	lane     *lane      // or nil
	words    *Words     // beside it
	answered bool       // the server has said whether it takes it
	inbox    *inbox[replyHeader]
	frame    []byte     // memory for the next frame from lane
	looks    bool       // there is a goroutine that looks for all
	served   *pending   // whose the last reply was
	alone    int        // how many replies in a row were for it
	gathers  bool       // replies are gathered in found
	found    []delivery // that are to be handed out
	spread   int        // how many times that is to be done at once
	slow     int        // what slow chains have cost
	chains   uint       // there were

	mu       sync.Mutex // guards the fields below; taken after reading, if both are
	calls    callTable
	free     []*pending      // that no call has
	ended    error           // why no call may begin any more; set once, before lost is closed
	watch    *watch          // or nil
	lastDone <-chan struct{} // of the last call's context
	chain    []*pending      // that are woken one after another
	next     int             // of them: the next one
	returned uint64          // calls that were settled and have taken notice of it
	chained  bool            // the last call of the chain has not woken yet
}

// NewCaller begins to call over c, which it owns from then on. c's limit for frames becomes the limit for each argument
// and result, in bytes. options may be nil. It does not block. Close it to
// let go of its goroutines.
func NewCaller(c *Conn, options *CallOptions) *Caller {
	var o CallOptions
	if options != nil {
		o = *options
	}
	caller := &Caller{
		conn:    c,
		limit:   limitMessages(c),
		verdict: orDefault(o.VerdictTimeout, DefaultVerdictTimeout),
		lost:    make(chan struct{}),
		relay:   make(chan struct{}, 1),
		alone:   aloneAfter,
	}
	caller.inbox = newInbox[replyHeader](caller.limit+ReplyAllowance, max(caller.limit+mostBegun*ReplyAllowance, DefaultMaxFrame))
	caller.out = newOutbox(c, orDefault(o.OutputLimit, DefaultOutputLimit), caller.limit)
	caller.argumentLimit.Store(caller.limit)
	caller.out.overtake([]byte(preface))
	caller.running.Store(2)
	go caller.write() // both are joined by Close, which waits for lost
	go func() {
		caller.end(caller.read())
		caller.leaveRunning()
	}()
	return caller
}

// enterRunning counts one more goroutine, and reports whether it may begin: not when all others have ended.
func (c *Caller) enterRunning() bool {
	for {
		n := c.running.Load()
		if n == 0 || c.running.CompareAndSwap(n, n+1) {
			return n != 0
		}
	}
}

// leaveRunning is the end of one of the goroutines. The one that ends last tells.
func (c *Caller) leaveRunning() {
	if c.running.Add(-1) == 0 {
		c.dropLane()
		c.endWatch()
		close(c.lost)
		c.tellLost()
	}
}

func orDefault[N int | int64 | time.Duration](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Call calls a method of an object with an encoded argument, and returns its reply, of the kind Return or Proxy. It
// blocks until then. When ctx ends first, the server is asked to give up, and its verdict is what Call returns: what
// was carried out in spite of it is a reply with a nil error. argument must not change until Call returns.
//
// Errors are what the method returned, as a *[RemoteError]; or wrap ctx's error, in which case nothing was carried
// out (as far as the method says); or ErrConnectionLost or ErrClosed, which leave that open; or ErrFrameTooLarge,
// for an argument beyond the connection's limit.
func (c *Caller) Call(ctx context.Context, object uint64, method string, argument []byte) (Reply, error) {
	if err := checkCall(method, argument, c.argumentLimit.Load()); err != nil {
		return Reply{}, err
	}
	if err := ctx.Err(); err != nil {
		return Reply{}, fmt.Errorf("wire: call %s: %w", method, context.Cause(ctx))
	}
	call, p, err := c.enter(ctx)
	if err != nil {
		return Reply{}, fmt.Errorf("wire: call %s: %w", method, err)
	}
	if err := c.send(ctx, &requestHeader{kindRequest, call, object, method, uint64(len(argument))}, argument); err != nil {
		c.leave(call)
		return Reply{}, fmt.Errorf("wire: call %s: %w", method, err)
	}
	looked := false
	if c.beside.Load() {
		looked = c.lookFor(ctx, p)
	} else if call == offerAfter && c.mayOffer.Load() {
		c.offer()
	}
	var n notice
	if done := ctx.Done(); done == nil || p.watch != nil || len(p.notices) != 0 {
		n = <-p.notices // here, since each level that a wake returns through takes time
	} else {
		n = p.await(done)
	}
	if n != noticeReply {
		if err := c.conclude(ctx, call, p, n); err != nil {
			c.leave(call)
			return Reply{}, fmt.Errorf("wire: call %s: %w", method, err)
		}
	}
	reply := p.reply
	c.reuse(p, looked)
	if reply.Kind == Return || reply.Kind == Proxy {
		return reply, nil
	}
	return Reply{}, reply.failure(ctx, method)
}

// send sends a request, or queues it once there is room.
func (c *Caller) send(ctx context.Context, h *requestHeader, argument []byte) error {
	var memory [headerRoom]byte
	header, err := h.MarshalMsg(memory[:0])
	if err != nil || c.out.publish(header, argument) {
		return err
	}
	return c.out.addWaiting(ctx, newMessage(h.Call, header, argument))
}

// Tell queues a call that has no reply. It is sent right before the next message of a Call, or by Close, and not before:
// it costs nothing of its own, and suits what the server has to know before anything else. argument, of at most 64 KiB, is
// the Caller's from then on. It does not block. Whether it was carried out is not known: it was, if the server has answered
// a later Call. Errors wrap ErrFrameTooLarge, ErrConnectionLost or ErrClosed.
func (c *Caller) Tell(object uint64, method string, argument []byte) error {
	if err := checkCall(method, argument, min(c.argumentLimit.Load(), segmentSize)); err != nil {
		return err
	}
	frame, err := (&requestHeader{kindRequest, told, object, method, uint64(len(argument))}).MarshalMsg(nil)
	if err == nil {
		err = c.out.tell(append(frame, argument...))
	}
	if err != nil {
		return fmt.Errorf("wire: tell %s: %w", method, err)
	}
	return nil
}

// Send is Tell that sends at once, and wakes the server for it. It does not wait until that is done, nor for room: it suits
// what happens after a Call, and not more often. Where it waits for a busy socket, what is told later overtakes it, and Close
// drops it.
func (c *Caller) Send(object uint64, method string, argument []byte) error {
	if err := checkCall(method, argument, min(c.argumentLimit.Load(), segmentSize)); err != nil {
		return err
	}
	header, err := (&requestHeader{kindRequest, told, object, method, uint64(len(argument))}).MarshalMsg(nil)
	if err == nil {
		err = c.out.send(&outMessage{call: told, header: header, payload: argument})
	}
	if err != nil {
		return fmt.Errorf("wire: send %s: %w", method, err)
	}
	return nil
}

// LimitArguments lowers the limit for arguments to what the server takes, in bytes, where that is less than the
// connection's: what a Call or Tell refuses, and how much of several large ones is under way. It does not block.
func (c *Caller) LimitArguments(limit int64) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.window = min(c.out.window, limit)
	c.argumentLimit.Store(c.out.window)
}

// limitMessages returns a connection's limit for frames, which becomes that for messages: their frames are short.
func limitMessages(c *Conn) int64 { return c.maxFrame.Swap(2 * segmentSize) }

func checkCall(method string, argument []byte, limit int64) error {
	if len(method) > segmentSize/2 {
		return fmt.Errorf("wire: call: %w: a method's name of %d bytes", ErrFrameTooLarge, len(method))
	}
	if err := checkFrame(int64(len(argument)), limit); err != nil {
		return fmt.Errorf("wire: call %s: argument: %w", method, err)
	}
	return nil
}

// end makes all goroutines return; the first reason stays.
func (c *Caller) end(why error) {
	if errors.Is(why, io.EOF) {
		why = errors.New("the peer closed it")
	}
	if !errors.Is(why, ErrClosed) && !errors.Is(why, ErrConnectionLost) {
		why = fmt.Errorf("%w: %w", ErrConnectionLost, why)
	}
	c.mu.Lock()
	if c.ended == nil {
		c.ended = why
	}
	why = c.ended
	c.mu.Unlock()
	c.ending.Store(true)
	c.wakeLooking()
	c.out.end(why)
	_ = c.conn.Close() // it is over either way
}

// Lost returns a channel that is closed once no further reply can come: the connection has ended, or Close was called.
func (c *Caller) Lost() <-chan struct{} { return c.lost }

// Ended reports whether no call can begin any more, which is so before Lost is closed. It does not block.
func (c *Caller) Ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended != nil || c.out.why() != nil
}

// Err returns nil until Lost is closed, and then why: an error that wraps ErrConnectionLost or ErrClosed.
func (c *Caller) Err() error {
	select {
	case <-c.lost:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.ended
	default:
		return nil
	}
}

// Close closes the connection: calls in flight end with an error that wraps ErrClosed. It waits for the Caller's
// goroutines, and, if something was told since the last message, up to 200 ms for the server to take it. It returns
// nil. It is safe for concurrent use and may be called again.
func (c *Caller) Close() error {
	c.mu.Lock()
	if c.ended == nil {
		c.ended = ErrClosed
	}
	c.mu.Unlock()
	if !c.out.finish(ErrClosed) {
		c.end(ErrClosed)
		<-c.lost
		return nil
	}
	timer := time.AfterFunc(closeLimit, func() { c.end(ErrClosed) })
	defer timer.Stop()
	<-c.lost
	return nil
}

// verdictPatience is how many times a verdict may take VerdictTimeout while other replies arrive.
const verdictPatience = 60

// closeLimit is how long a server that reads nothing delays Close.
const closeLimit = 200 * time.Millisecond

// write is the goroutine that writes. When Close has it end with what was told, the server is to read to the end before the
// connection is closed in both directions, since closing it with replies unread could take back what is on its way.
func (c *Caller) write() {
	err := c.out.run()
	half, ok := c.conn.NetConn().(interface{ CloseWrite() error })
	if !ok || !errors.Is(err, ErrClosed) || half.CloseWrite() != nil {
		c.end(err)
	}
	c.leaveRunning()
}
