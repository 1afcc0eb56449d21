package wire

// read hands replies to their calls until the connection ends, and returns why it did.
func (c *Caller) read() error {
	var buf []byte
	for {
		frame, err := c.conn.ReadFrame(buf)
		c.reading.Lock()
		kept := false
		if c.lane != nil {
			kept, err = c.arriveBeside(frame, err)
		} else if err == nil {
			c.frames.Add(1)
			kept, err = c.take(frame)
		}
		c.stopReading()
		if err != nil {
			return err
		}
		if buf = frame; kept {
			buf = nil
		}
	}
}

// take takes a frame, and reports whether that now belongs to a call.
func (c *Caller) take(frame []byte) (kept bool, err error) {
	switch kindOf(frame) {
	case kindReply:
		return c.takeReply(c.inbox, frame)
	case kindSegment:
		return false, c.takeSegment(c.inbox, frame)
	case kindAnswer:
		return false, c.takeAnswer(frame)
	default:
		return false, protocolError("a frame that is no reply")
	}
}

// takeReply takes a reply's first frame, and reports whether the frame now belongs to the call.
func (c *Caller) takeReply(in *inbox[replyHeader], frame []byte) (kept bool, err error) {
	var h replyHeader
	payload, err := h.read(frame)
	if err != nil {
		return false, protocolError(err.Error())
	}
	if h.Result == unknownKind {
		return false, protocolError("a reply of an unknown kind")
	}
	whole, err := in.begin(h.Call, h, h.Size, payload)
	switch {
	case err != nil:
		return false, err
	case whole:
		payload, kept = keep(payload, frame)
		return kept, c.deliver(h, payload)
	default:
		return false, c.advance(h.Call)
	}
}

func (c *Caller) takeSegment(in *inbox[replyHeader], frame []byte) error {
	call, a, err := in.segment(frame)
	switch {
	case err != nil:
		return err
	case a != nil:
		return c.deliver(a.header, a.payload)
	default:
		return c.advance(call)
	}
}

var errNoCall = protocolError("a reply to no call")

func (c *Caller) deliver(h replyHeader, payload []byte) error {
	reply := Reply{h.Result, payload}
	if c.gathers {
		c.found = append(c.found, delivery{call: h.Call, reply: reply})
		return nil
	}
	p := c.settle(h.Call)
	if p == nil {
		return errNoCall
	}
	p.reply = reply
	c.noteServed(p)
	p.deliver()
	return nil
}

// noteServed notes whose a reply was.
func (c *Caller) noteServed(p *pending) {
	if p != c.served {
		c.served, c.alone = p, 0
	}
	c.alone++
}

func (c *Caller) advance(call uint64) error {
	p := c.find(call)
	if p == nil {
		return errNoCall
	}
	p.progress.Add(1)
	return nil
}
