package wire

import "fmt"

// directSize is up to how many bytes whoever has queued something writes by himself.
const directSize = 16 << 10

// run writes until end is called or writing fails, and returns why.
func (o *outbox) run() error {
	defer func() {
		if o.offer != nil { // nothing sets it any more
			_ = o.offer.Close() // nobody has it
		}
	}()
	for range o.work {
		for {
			more, err := o.next()
			if err != nil {
				return err
			}
			if !more {
				break
			}
			if o.handing != nil {
				err = o.conn.writeFile(o.vector, o.handing)
				o.handing = nil
			} else {
				err = o.conn.writeFrames(o.vector)
			}
			o.wrote()
			if err != nil {
				o.end(fmt.Errorf("%w: %w", ErrConnectionLost, err)) // which a Call may see before the Caller does
				return o.why()
			}
		}
	}
	return nil
}

// next has vector filled with the frames of the next batch, and makes its caller the one who writes, unless there is
// another, who will see to everything, or nothing is left.
func (o *outbox) next() (more bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed != nil && !o.last:
		return false, o.closed
	case o.writing:
		return false, nil
	case o.begin: // a part of it was written
		o.begin = false
	case o.offer != nil:
		o.handing, o.offer = o.offer, nil
		header, _ := (&offerHeader{kindOffer, memoryBytes}).MarshalMsg(nil) // numbers always encode
		o.clearLocked()
		o.frameOf(header, nil)
		o.join()
	default:
		o.gatherLocked(batchSize)
	}
	o.writing = len(o.vector) != 0
	return o.writing, nil
}

// wrote ends what next has begun.
func (o *outbox) wrote() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writing = false
}

// hold keeps the writing goroutine asleep, because its caller will soon call awaitRoom.
func (o *outbox) hold() {
	if o.quiet.Load() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = true
}

// flushLocked writes what is queued, as far as that takes no wait, and has the writing goroutine woken for the rest: for a
// few small messages that saves waking it. It unlocks the outbox while it writes.
func (o *outbox) flushLocked() {
	for round := 0; !o.writing && o.closed == nil && !o.emptyLocked(); round++ {
		if round == directRounds || !o.directLocked() {
			o.signal()
			return
		}
		o.gatherLocked(directSize)
		o.writing = true
		o.mu.Unlock()
		whole := o.conn.tryWrite(o.vector)
		o.mu.Lock()
		o.writing = false
		if !whole || o.closed != nil {
			o.begin = !whole
			o.signal()
			return
		}
	}
}

// publish puts a message into shared memory, if it is small and nothing is in front of it, and reports whether it did.
func (o *outbox) publish(header, payload []byte) bool {
	if shortHeader+len(header)+len(payload) > largestRecord {
		return false
	}
	if o.quiet.Load() {
		return o.conn.publishFrame(header, payload)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.shared || o.closed != nil || o.writing || o.offer != nil || len(o.told) != 0 || !o.emptyLocked() {
		return false
	}
	o.quiet.Store(!o.held)
	return o.conn.publishFrame(header, payload)
}

// directLocked reports whether what is to be written now is for flushLocked.
func (o *outbox) directLocked() bool {
	switch {
	case o.begin, o.offer != nil, !o.conn.direct():
		return false
	case o.shared:
		return len(o.large) == 0 && o.waiting <= ringBytes
	default:
		return o.waiting <= directSize
	}
}

// directRounds is how often flushLocked looks for what others have queued meanwhile.
const directRounds = 4

func (o *outbox) emptyLocked() bool {
	return !o.begin && len(o.queue) == 0 && len(o.large) == 0 && len(o.urgent) == 0
}

// why returns the first reason for the end.
func (o *outbox) why() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// gatherLocked fills vector with the frames of the next batch, of so many bytes or a little more.
func (o *outbox) gatherLocked(most int) {
	o.clearLocked()
	if o.last {
		o.last = false
		o.urgentLocked()
		o.toldLocked()
		o.join()
		return
	}
	o.urgentLocked()
	taken := 0
	for begun := o.gathered; o.gathered < most; {
		o.beginLocked()
		if len(o.queue) == 0 || o.gathered > begun && o.shared && !o.suitsLocked(o.queue[0]) {
			break
		}
		o.toldLocked()
		n, cost := o.segmentLocked()
		taken += n + cost
	}
	if taken != 0 {
		o.shrinkLocked(taken)
	}
	o.written++
	o.join()
}

// clearLocked empties vector.
func (o *outbox) clearLocked() {
	clear(o.vector[:cap(o.vector)]) // of what belonged to callers
	o.vector, o.frames, o.drained, o.gathered = o.vector[:0], o.frames[:0], 0, 0
}

// suitsLocked reports whether a message may follow what was gathered: what goes through shared memory does not mix with
// what is too large for it.
func (o *outbox) suitsLocked(m *outMessage) bool {
	small := o.gathered+shortHeader+len(m.header)+len(m.payload) <= largestRecord
	return small == (o.gathered <= largestRecord)
}

// urgentLocked takes what overtakes the messages.
func (o *outbox) urgentLocked() {
	for _, frame := range o.urgent {
		o.frameOf(frame, nil)
	}
	clear(o.urgent)
	o.urgent = o.urgent[:0]
}

// toldLocked takes what goes with the next message.
func (o *outbox) toldLocked() {
	for _, frame := range o.told {
		o.frameOf(frame, nil)
	}
	clear(o.told)
	o.told = o.told[:0]
}

// beginLocked lets large messages begin, as far as the peer is to take them: it keeps what has not arrived whole.
func (o *outbox) beginLocked() {
	for len(o.large) != 0 {
		m := o.large[0]
		if o.begun > 0 && (o.begun >= mostBegun || o.sending+m.size > o.window) {
			return
		}
		o.large[0] = nil
		o.large = o.large[1:]
		o.begun++
		o.sending += m.size
		o.queue = append(o.queue, m)
	}
}

// endedLocked counts a message that was sent, or withdrawn.
func (o *outbox) endedLocked(m *outMessage) {
	if m.size != 0 {
		o.begun--
		o.sending -= m.size
	}
}

// segmentLocked takes a segment of the message whose turn it is, and returns its size in bytes, and what the message
// itself has cost if that was the last one.
func (o *outbox) segmentLocked() (size, cost int) {
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
		return n, 0
	}
	o.endedLocked(m)
	return n, messageCost
}

func (o *outbox) frameOf(header, payload []byte) {
	o.gathered += shortHeader + len(header) + len(payload)
	o.frames = appendFrameHeader(o.frames, int64(len(header)+len(payload)))
	o.frames = append(o.frames, header...)
	if len(payload) <= copiedPayload {
		o.frames = append(o.frames, payload...)
		return
	}
	o.join()
	o.vector = append(o.vector, payload)
}

// join moves the frames that were put together to the vector.
func (o *outbox) join() {
	if len(o.frames) > o.drained {
		o.vector = append(o.vector, o.frames[o.drained:])
		o.drained = len(o.frames)
	}
}
