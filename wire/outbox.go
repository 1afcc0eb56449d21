package wire

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// segmentSize is how many bytes of an argument or result a frame carries at most: what a Cancel waits behind.
	segmentSize = 64 << 10
	// batchSize is how many bytes are gathered for one call of the system.
	batchSize = 256 << 10
	// copiedPayload is up to how many bytes a payload is copied next to its header.
	copiedPayload = 2 << 10
	// messageCost is how many bytes a message counts on top of its payload, for its header and what keeps it.
	messageCost = 128
	// stallLooks is how often a peer is looked at before it is given up.
	stallLooks = 8
	// mostBegun is how many messages of several segments a sender may have begun and not ended.
	mostBegun = 16
)

// An outMessage is a request or a reply on its way out.
type outMessage struct {
	call    uint64
	header  []byte // of the first frame; nil once that was taken
	payload []byte // what was not taken yet
	size    int64  // bytes of the whole payload, if that takes several segments; else 0

	memory [headerRoom]byte // for most headers
}

// headerRoom is how many bytes most headers have at most.
const headerRoom = 64

// newMessage returns a message with a copy of its header.
func newMessage(call uint64, header, payload []byte) *outMessage {
	m := &outMessage{call: call, payload: payload}
	m.header = append(m.memory[:0], header...)
	return m
}

// An outbox is the bounded writer of one connection: it writes what is queued in batches, and a segment of each
// message in turn. Its owner runs it in one goroutine; the other methods are safe for concurrent use.
type outbox struct {
	conn  *Conn
	limit int64         // bytes that may be waiting, in more than one message
	stall time.Duration // for which a peer may read nothing while more than the limit is waiting; 0 is for ever
	work  chan struct{} // holds one value when there may be something to write
	quiet atomic.Bool   // nothing is queued, and what is small goes through shared memory; not while held

	mu      sync.Mutex // guards the fields below
	urgent  [][]byte   // whole payloads of frames that overtake the messages
	told    [][]byte   // whole payloads of frames that go with the next message
	queue   []*outMessage
	large   []*outMessage // of several segments, that are to begin when others have ended
	window  int64         // bytes that messages of several segments may have together while they are sent
	begun   int           // such messages in queue
	sending int64         // bytes that these have in whole
	waiting int64         // bytes in queue and large
	written uint64        // batches that the peer, or the network on its behalf, has taken
	watch   *time.Timer   // set while more than the limit is waiting
	room    chan struct{} // closed when waiting shrinks; nil while nobody waits for it
	last    bool          // what was told is still to be written, though the outbox is closed
	held    bool          // whoever has called hold will call awaitRoom
	writing bool          // somebody writes what is in vector, and looks for more then
	begin   bool          // vector has something that was not written yet
	shared  bool          // what is small goes through shared memory
	offer   *os.File      // memory that is to be offered to the peer; or nil
	closed  error

	// Of the one who writes alone.
	frames   []byte
	vector   net.Buffers
	drained  int
	gathered int      // bytes of vector
	handing  *os.File // goes with vector
}

func newOutbox(c *Conn, limit, window int64) *outbox {
	return &outbox{conn: c, limit: limit, window: window, work: make(chan struct{}, 1)}
}

// add queues a message, however much is waiting. It fails only when the outbox is closed.
func (o *outbox) add(m *outMessage) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.addLocked(m); err != nil || o.held {
		return err
	}
	if o.shared {
		o.flushLocked()
		return nil
	}
	o.signal()
	return nil
}

func (o *outbox) addLocked(m *outMessage) error {
	if o.closed != nil {
		return o.closed
	}
	o.quiet.Store(false)
	if len(m.payload) > segmentSize {
		m.size = int64(len(m.payload))
		o.large = append(o.large, m)
	} else {
		o.queue = append(o.queue, m)
	}
	o.waiting += messageCost + int64(len(m.payload))
	if o.stall > 0 && o.watch == nil && o.overLocked() {
		o.watchLocked()
	}
	return nil
}

// watchLocked ends the connection of a peer that reads nothing for as long as may be.
func (o *outbox) watchLocked() {
	seen, looks := o.written, 0
	o.watch = time.AfterFunc(o.stall/stallLooks, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case o.closed != nil:
			return
		case !o.overLocked():
			o.watch = nil
			return
		case o.written != seen:
			seen, looks = o.written, 0
		default:
			looks++
		}
		if looks < stallLooks {
			o.watch.Reset(o.stall / stallLooks)
			return
		}
		o.endLocked(ErrOutputLimit)
		_ = o.conn.Close() // which ends a write that is going on
	})
}

// addWaiting is add that waits until no more than the limit is waiting, or ctx ends, and begins to write it.
func (o *outbox) addWaiting(ctx context.Context, m *outMessage) error {
	for {
		o.mu.Lock()
		room := o.fullLocked()
		var err error
		if room == nil {
			if err = o.addLocked(m); err == nil {
				o.flushLocked()
			}
		}
		o.mu.Unlock()
		if room == nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// awaitRoom waits until no more than the limit is waiting, or the outbox is closed, and returns why in that case. It ends
// hold if it has to wait, or keep is false.
func (o *outbox) awaitRoom(keep bool) error {
	for !o.quiet.Load() {
		o.mu.Lock()
		idle := o.shared && o.offer == nil && len(o.told) == 0 && !o.writing && o.emptyLocked()
		room, err := o.fullLocked(), o.closed
		switch {
		case room != nil && o.held:
			o.held = false
			o.signal()
		case room == nil && (idle || !keep):
			o.held = false
			o.flushLocked()
		}
		o.quiet.Store(idle && err == nil)
		o.mu.Unlock()
		if room == nil {
			return err
		}
		<-room
	}
	return nil
}

// fullLocked returns nil when there is room, or no use in waiting for it, and else what is closed when there may be some.
func (o *outbox) fullLocked() <-chan struct{} {
	if o.closed != nil || !o.overLocked() {
		return nil
	}
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}

// overLocked reports whether more is waiting than may be. A single message is not too much, whatever its size.
func (o *outbox) overLocked() bool {
	return o.waiting > o.limit && len(o.queue)+len(o.large) > 1
}

// send queues a message, however much is waiting, and begins to write it. It fails only when the outbox is closed.
func (o *outbox) send(m *outMessage) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.addLocked(m); err != nil {
		return err
	}
	o.flushLocked()
	return nil
}

// overtake queues a frame that goes before all messages.
func (o *outbox) overtake(frame []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed == nil {
		o.quiet.Store(false)
		o.urgent = append(o.urgent, frame)
		o.signal()
	}
}

// share has what is small go through shared memory.
func (o *outbox) share() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shared = true
}

// offerFile queues a file to be offered, which is the outbox's from then on. It reports false when the outbox is closed.
func (o *outbox) offerFile(file *os.File) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != nil {
		return false
	}
	o.quiet.Store(false)
	o.offer = file
	o.signal()
	return true
}

// tell queues a frame that goes in front of the next message that is queued, or with finish.
func (o *outbox) tell(frame []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != nil {
		return o.closed
	}
	o.quiet.Store(false)
	o.told = append(o.told, frame)
	return nil
}

// withdraw takes back what was not written of a call's message, and reports whether that was all of it. If it was not,
// the frame that says so overtakes what another message may begin in its place.
func (o *outbox) withdraw(call uint64, cancel []byte) (whole bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if whole = o.withdrawLocked(call); !whole && o.closed == nil {
		o.quiet.Store(false)
		o.urgent = append(o.urgent, cancel)
		o.signal()
	}
	return whole
}

func (o *outbox) withdrawLocked(call uint64) (whole bool) {
	for _, queue := range []*[]*outMessage{&o.queue, &o.large} {
		for i, m := range *queue {
			if m.call != call {
				continue
			}
			*queue = append((*queue)[:i], (*queue)[i+1:]...)
			if queue == &o.queue {
				o.endedLocked(m)
			}
			o.shrinkLocked(messageCost + len(m.payload))
			return m.header != nil
		}
	}
	return false
}

// end makes run return, and add fail with err.
func (o *outbox) end(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.endLocked(err)
}

func (o *outbox) endLocked(err error) {
	o.last = false
	if o.closed != nil {
		return
	}
	o.closed = err
	o.quiet.Store(false)
	if o.watch != nil {
		o.watch.Stop()
	}
	o.shrinkLocked(0)
	o.signal()
}

// finish is end, but that run writes what was told before it returns. It reports whether there is something.
func (o *outbox) finish(err error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := o.closed == nil && len(o.told) != 0
	o.endLocked(err)
	o.last = last
	return last
}

func (o *outbox) shrinkLocked(n int) {
	o.waiting -= int64(n)
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

func (o *outbox) signal() {
	select {
	case o.work <- struct{}{}:
	default:
	}
}
