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
	last          atomic.Uint64 // the last call's number
	running       atomic.Int32
	frames        atomic.Int64 // that have arrived
	argumentLimit atomic.Int64 // what LimitArguments has set, or else the connection's limit

	waiting atomic.Int64  // calls that have no reply
	lost    chan struct{} // closed once both goroutines have ended

	mayOffer atomic.Bool // the server takes shared memory
	beside   atomic.Bool // replies may come through shared memory
	ending   atomic.Bool // nobody is to wait for them any more

	reading  sync.Mutex // guards the fields below: whoever has it reads from lane, and hands out what has arrived
	lane     *lane      // or nil
	words    *Words     // beside it
	answered bool       // the server has said whether it takes it
	inbox    *inbox[replyHeader]

	mu    sync.Mutex // guards the fields below; taken after reading, if both are
	calls map[uint64]*pending
	free  []*pending // that no call has
	ended error      // why no call may begin any more; set once, before lost is closed
}

// A pending is a call that waits for its reply.
type pending struct {
	reply    chan Reply // holds one
	progress atomic.Int64
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
		calls:   make(map[uint64]*pending),
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

// leaveRunning is the end of one of the two goroutines. The one that ends last tells.
func (c *Caller) leaveRunning() {
	if c.running.Add(-1) == 0 {
		c.dropLane()
		close(c.lost)
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
	call := c.last.Add(1)
	m := &outMessage{call: call, payload: argument}
	var err error
	m.header, err = (&requestHeader{kindRequest, call, object, method, uint64(len(argument))}).MarshalMsg(m.memory[:0])
	if err != nil {
		return Reply{}, fmt.Errorf("wire: call %s: %w", method, err)
	}
	p, err := c.enter(call)
	if err != nil {
		return Reply{}, fmt.Errorf("wire: call %s: %w", method, err)
	}
	if err := c.out.addWaiting(ctx, m); err != nil {
		c.settle(call)
		return Reply{}, fmt.Errorf("wire: call %s: %w", method, err)
	}
	if c.beside.Load() {
		c.lookFor(ctx, p)
	} else if call == offerAfter && c.mayOffer.Load() {
		c.offer()
	}
	reply, err := c.await(ctx, call, p)
	if err != nil {
		c.settle(call)
		return Reply{}, fmt.Errorf("wire: call %s: %w", method, err)
	}
	c.reuse(p)
	return reply.result(ctx, method)
}

// await blocks until a call has its reply, or none can come.
func (c *Caller) await(ctx context.Context, call uint64, p *pending) (Reply, error) {
	if len(p.reply) != 0 {
		return <-p.reply, nil
	}
	select {
	case reply := <-p.reply:
		return reply, nil
	case <-ctx.Done():
		return c.giveUp(ctx, call, p)
	case <-c.lost:
		return c.lastReply(p)
	}
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
// what happens after a Call, and not more often.
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

// giveUp waits for the verdict over a call whose context has ended.
func (c *Caller) giveUp(ctx context.Context, call uint64, p *pending) (Reply, error) {
	cancel, _ := (&cancelHeader{kindCancel, call}).MarshalMsg(nil) // numbers always encode
	if c.out.withdraw(call, cancel) {
		return Reply{}, context.Cause(ctx)
	}
	timer := time.NewTimer(c.verdict)
	defer timer.Stop()
	for seen, arrived, patience := int64(0), c.frames.Load(), verdictPatience; ; {
		select {
		case reply := <-p.reply:
			return reply, nil
		case <-c.lost:
			return c.lastReply(p)
		case <-timer.C:
			if now := p.progress.Load(); now > seen {
				seen = now
				timer.Reset(c.verdict)
				continue
			}
			if now := c.frames.Load(); now != arrived && patience > 0 { // other replies are in front of it
				arrived = now
				patience--
				timer.Reset(c.verdict)
				continue
			}
			c.end(fmt.Errorf("%w: no verdict over a cancelled call within %v", ErrConnectionLost, c.verdict*time.Duration(1+verdictPatience-patience)))
		}
	}
}

// lastReply returns the reply that came just before the connection was lost, or why it was.
func (c *Caller) lastReply(p *pending) (Reply, error) {
	select {
	case reply := <-p.reply:
		return reply, nil
	default:
		return Reply{}, c.Err()
	}
}

func (c *Caller) enter(call uint64) (*pending, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return nil, c.ended
	}
	var p *pending
	if last := len(c.free) - 1; last >= 0 {
		p, c.free = c.free[last], c.free[:last]
	} else {
		p = &pending{reply: make(chan Reply, 1)}
	}
	c.calls[call] = p
	c.waiting.Add(1)
	return p, nil
}

// reuse keeps what a call has had, whose reply was taken, for another.
func (c *Caller) reuse(p *pending) {
	p.progress.Store(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.free) < mostFree {
		c.free = append(c.free, p)
	}
}

// mostFree is how many pendings a Caller keeps.
const mostFree = 16

// settle takes a call from those that wait for a reply, or returns nil if it is none.
func (c *Caller) settle(call uint64) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.calls[call]
	if p != nil {
		delete(c.calls, call)
		c.waiting.Add(-1)
	}
	return p
}

func (c *Caller) find(call uint64) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[call]
}

// end makes both goroutines return; the first reason stays.
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
