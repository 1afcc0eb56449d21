package wire

import (
	"context"
	"errors"
	"net"
	"sync"
)

const (
	// segmentSize is how many bytes of an argument or result a frame carries at most: what a Cancel waits behind.
	segmentSize = 64 << 10
	// batchSize is how many bytes are gathered for one call of the system.
	batchSize = 256 << 10
	// copiedPayload is up to how many bytes a payload is copied next to its header.
	copiedPayload = 2 << 10
)

// An outMessage is a request or a reply on its way out.
type outMessage struct {
	call    uint64
	header  []byte // of the first frame; nil once that was taken
	payload []byte // what was not taken yet
}

// An outbox is the bounded writer of one connection: it writes what is queued in batches, and a segment of each
// message in turn. Its owner runs it in one goroutine; the other methods are safe for concurrent use.
type outbox struct {
	conn  *Conn
	limit int64         // bytes of payload that may be waiting before one more message
	work  chan struct{} // holds one value when there may be something to write

	mu      sync.Mutex // guards the fields below
	urgent  [][]byte   // whole payloads of frames that overtake the messages
	queue   []*outMessage
	waiting int64         // bytes of payload in queue
	room    chan struct{} // closed when waiting shrinks; nil while nobody waits for it
	closed  error

	// Of the running goroutine alone.
	frames  []byte
	vector  net.Buffers
	drained int
}

func newOutbox(c *Conn, limit int64) *outbox {
	return &outbox{conn: c, limit: limit, work: make(chan struct{}, 1)}
}

// errOutboxFull means that add could have waited.
var errOutboxFull = errors.New("wire: output limit")

// add queues a message if no more than the limit is waiting before it, else returns errOutboxFull.
func (o *outbox) add(m *outMessage) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.addLocked(m)
}

func (o *outbox) addLocked(m *outMessage) error {
	switch {
	case o.closed != nil:
		return o.closed
	case o.waiting > o.limit:
		return errOutboxFull
	}
	o.queue = append(o.queue, m)
	o.waiting += int64(len(m.payload))
	o.signal()
	return nil
}

// addWaiting is add that waits for room until ctx ends.
func (o *outbox) addWaiting(ctx context.Context, m *outMessage) error {
	for {
		o.mu.Lock()
		err := o.addLocked(m)
		if errors.Is(err, errOutboxFull) && o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		if !errors.Is(err, errOutboxFull) {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// overtake queues a frame that goes before all messages.
func (o *outbox) overtake(frame []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed == nil {
		o.urgent = append(o.urgent, frame)
		o.signal()
	}
}

// withdraw takes back what was not written of a call's message, and reports whether that was all of it.
func (o *outbox) withdraw(call uint64) (whole bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, m := range o.queue {
		if m.call == call {
			o.queue = append(o.queue[:i], o.queue[i+1:]...)
			o.shrinkLocked(len(m.payload))
			return m.header != nil
		}
	}
	return false
}

// end makes run return, and add fail with err.
func (o *outbox) end(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed == nil {
		o.closed = err
		o.shrinkLocked(0)
		o.signal()
	}
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

// run writes until end is called or writing fails, and returns why.
func (o *outbox) run() error {
	for range o.work {
		for {
			more, err := o.gather()
			if err != nil {
				return err
			}
			if !more {
				break
			}
			if err := o.conn.writeFrames(o.vector); err != nil {
				o.end(err)
				return err
			}
		}
	}
	return nil
}

// gather fills vector with the frames of the next batch.
func (o *outbox) gather() (more bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != nil {
		return false, o.closed
	}
	clear(o.vector[:cap(o.vector)]) // of what belonged to callers
	o.vector, o.frames, o.drained = o.vector[:0], o.frames[:0], 0
	for _, frame := range o.urgent {
		o.frameOf(frame, nil)
	}
	clear(o.urgent)
	o.urgent = o.urgent[:0]
	taken := 0
	for size := 0; size < batchSize && len(o.queue) != 0; {
		n := o.segmentLocked()
		size += n + shortHeader
		taken += n
	}
	if taken != 0 {
		o.shrinkLocked(taken)
	}
	o.flush()
	return len(o.vector) != 0, nil
}

// segmentLocked takes a segment of the message whose turn it is, and returns its size in bytes.
func (o *outbox) segmentLocked() int {
	m := o.queue[0]
	n := min(len(m.payload), segmentSize)
	header := m.header
	if header == nil {
		header, _ = (&segmentHeader{kindSegment, m.call}).MarshalMsg(nil) // numbers always encode
	}
	o.frameOf(header, m.payload[:n])
	m.header, m.payload = nil, m.payload[n:]
	o.queue[0] = nil
	o.queue = o.queue[1:]
	if len(m.payload) != 0 {
		o.queue = append(o.queue, m)
	}
	return n
}

func (o *outbox) frameOf(header, payload []byte) {
	o.frames = appendFrameHeader(o.frames, int64(len(header)+len(payload)))
	o.frames = append(o.frames, header...)
	if len(payload) <= copiedPayload {
		o.frames = append(o.frames, payload...)
		return
	}
	o.flush()
	o.vector = append(o.vector, payload)
}

// flush moves the frames that were put together to the vector.
func (o *outbox) flush() {
	if len(o.frames) > o.drained {
		o.vector = append(o.vector, o.frames[o.drained:])
		o.drained = len(o.frames)
	}
}
