package wire

// read hands replies to their calls until the connection ends, and returns why it did.
func (c *Caller) read() error {
	in := newInbox[replyHeader](c.limit+ReplyAllowance, max(c.limit+mostBegun*ReplyAllowance, DefaultMaxFrame))
	var buf []byte
	for {
		frame, err := c.conn.ReadFrame(buf)
		if err != nil {
			return err
		}
		buf = frame
		c.frames.Add(1)
		var kept bool
		switch kindOf(frame) {
		case kindReply:
			kept, err = c.takeReply(in, frame)
		case kindSegment:
			err = c.takeSegment(in, frame)
		default:
			err = protocolError("a frame that is no reply")
		}
		if err != nil {
			return err
		}
		if kept {
			buf = nil
		}
	}
}

// takeReply takes a reply's first frame, and reports whether the frame now belongs to the call.
func (c *Caller) takeReply(in *inbox[replyHeader], frame []byte) (kept bool, err error) {
	var h replyHeader
	payload, err := h.read(frame)
	if err != nil {
		return false, protocolError(err.Error())
	}
	whole, err := in.begin(h.Call, h, h.Size, payload)
	switch {
	case err != nil:
		return false, err
	case whole:
		return true, c.deliver(h, payload)
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

func (c *Caller) deliver(h replyHeader, payload []byte) error {
	p := c.find(h.Call)
	if p == nil {
		return protocolError("a reply to no call")
	}
	select {
	case p.reply <- Reply{ReplyKind(h.Result), payload}:
		return nil
	default:
		return protocolError("a second reply to a call")
	}
}

func (c *Caller) advance(call uint64) error {
	p := c.find(call)
	if p == nil {
		return protocolError("a reply to no call")
	}
	p.progress.Add(1)
	return nil
}
