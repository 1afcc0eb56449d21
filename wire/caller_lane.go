package wire

import "net"

// offerAfter is how many calls a Caller makes before it offers shared memory: what is short needs none.
const offerAfter = 8

// ShareMemory says that the server takes shared memory: a Caller that makes more than a few calls over a Unix socket
// will offer some, where the system has it. It does not block.
func (c *Caller) ShareMemory() {
	if _, local := c.conn.NetConn().(*net.UnixConn); local && c.conn.direct() {
		c.mayOffer.Store(true)
	}
}

// Words returns the words that are shared with the server, or nil as long as there are none. It does not block.
func (c *Caller) Words() *Words { return c.conn.Words() }

// offer offers shared memory to the server, whose answer comes later.
func (c *Caller) offer() {
	memory, file, err := newMemory()
	if err != nil {
		return // the socket does it all
	}
	c.reading.Lock()
	offered := !c.ending.Load()
	if offered {
		c.lane, c.words = newLane(memory.lane, true), memory.words
		c.beside.Store(true)
	}
	c.reading.Unlock()
	if !offered {
		memory.release()
	}
	if !offered || !c.out.offerFile(file) {
		_ = file.Close() // nobody has it
	}
}

// takeAnswer takes the server's answer to an offer.
func (c *Caller) takeAnswer(frame []byte) error {
	var h answerHeader
	switch _, err := h.UnmarshalMsg(frame); {
	case err != nil:
		return protocolError(err.Error())
	case c.lane == nil || c.answered:
		return protocolError("an answer to no offer")
	case h.Taken:
		c.conn.words.Store(c.words)
		c.conn.share(c.lane)
		c.out.share()
		c.answered = true
	case c.lane.inward:
		return protocolError("memory is used that was not taken")
	default:
		mapping{c.lane.memory, c.words}.release()
		c.lane, c.words, c.answered = nil, nil, true
		c.beside.Store(false)
	}
	return nil
}

// dropLane lets go of the shared memory when nothing comes any more.
func (c *Caller) dropLane() {
	c.reading.Lock()
	defer c.reading.Unlock()
	c.beside.Store(false)
	if c.lane != nil {
		c.conn.unshare(c.lane)
		c.words.release()
		c.lane = nil
	}
}

// drain takes everything that is in the ring, or what is to be handed out at once of it.
func (c *Caller) drain() error {
	frames, err := c.drainFrames()
	if frames != 0 {
		c.frames.Add(frames)
	}
	return err
}

// drainFrames is drain, and returns how many frames those were.
func (c *Caller) drainFrames() (frames int64, err error) {
	buf := c.frame
	defer func() { c.frame = buf }()
	for c.lane.inward && len(c.found) < mostAtOnce {
		frame, found, err := c.lane.in.next(buf)
		switch {
		case err != nil:
			return frames, err
		case found == foundNothing:
			return frames, nil
		case found == foundDetour:
			c.lane.inward = false
			return frames, nil
		}
		frames++
		kept, err := c.take(frame)
		if err != nil {
			return frames, err
		}
		if buf = frame; kept {
			buf = nil
		}
	}
	return frames, nil
}

// arriveBeside takes what has come over the socket beside shared memory: a frame, or the end.
func (c *Caller) arriveBeside(frame []byte, failed error) (kept bool, err error) {
	l := c.lane
	if l.inward {
		l.wake()
		if failed != nil {
			err = l.in.close()
		}
		if err == nil {
			err = c.drain()
		}
	}
	switch {
	case failed != nil: // what was published before has counted
		return false, failed
	case err != nil:
		return false, err
	case len(frame) == 0: // a bell
		return false, nil
	case l.inward:
		return false, protocolError("a frame beside the ring")
	case kindOf(frame) == kindTurn:
		l.inward = true
		return false, c.drain()
	default:
		c.frames.Add(1)
		return c.take(frame)
	}
}
