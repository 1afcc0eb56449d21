package wire

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
				return o.why()
			}
		}
	}
	return nil
}

// why returns the first reason for the end.
func (o *outbox) why() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// gather fills vector with the frames of the next batch.
func (o *outbox) gather() (more bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.vector[:cap(o.vector)]) // of what belonged to callers
	o.vector, o.frames, o.drained = o.vector[:0], o.frames[:0], 0
	switch {
	case o.last:
		o.last = false
		o.urgentLocked()
		o.toldLocked()
		o.flush()
		return true, nil
	case o.closed != nil:
		return false, o.closed
	}
	o.urgentLocked()
	taken := 0
	for size := 0; size < batchSize; {
		o.beginLocked()
		if len(o.queue) == 0 {
			break
		}
		o.toldLocked()
		n, cost := o.segmentLocked()
		size += n + shortHeader
		taken += n + cost
	}
	if taken != 0 {
		o.shrinkLocked(taken)
	}
	o.written++
	o.flush()
	return len(o.vector) != 0, nil
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
