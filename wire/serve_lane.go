package wire

import (
	"net"
	"runtime"
)

// welcomeMemory prepares for an offer of shared memory, if one is welcome.
func (s *server) welcomeMemory(welcome bool) {
	unix, local := s.conn.conn.(*net.UnixConn)
	if s.welcome = welcome && local && s.conn.direct(); s.welcome {
		s.conn.files = &fileReader{conn: unix, fd: -1}
	}
}

// takeOffer takes a client's shared memory, or refuses it.
func (s *server) takeOffer(frame []byte) error {
	var h offerHeader
	if _, err := h.UnmarshalMsg(frame); err != nil {
		return protocolError(err.Error())
	}
	if !s.welcome {
		return protocolError("an offer that is not welcome")
	}
	s.welcome = false
	fd := s.conn.files.take()
	s.conn.files = nil
	defer closeFile(fd)
	var memory mapping
	if h.Size == memoryBytes && fd >= 0 {
		memory, _ = mapMemory(fd) // what cannot be mapped is refused
	}
	taken := memory.lane != nil
	answer, _ := (&answerHeader{kindAnswer, taken}).MarshalMsg(nil) // which always encodes
	s.out.overtake(answer)
	if taken {
		s.conn.words.Store(memory.words) // of which no reply may speak before that
		s.lane = newLane(memory.lane, false)
		s.conn.share(s.lane)
		s.out.share()
	}
	return nil
}

// dropLane lets go of what came with an offer, when nothing is read or written any more.
func (s *server) dropLane() {
	if s.conn.files != nil {
		s.conn.files.close()
	}
	if s.lane != nil {
		s.conn.unshare(s.lane)
		s.conn.Words().release()
	}
}

// buffered reports whether receive has a frame without waiting.
func (s *server) buffered() bool {
	if s.lane != nil && s.lane.inward {
		return !s.lane.in.empty()
	}
	return s.early != nil || s.conn.frameBuffered()
}

// receive returns the client's next frame, in buf's memory where that suits.
func (s *server) receive(buf []byte) ([]byte, error) {
	for {
		l := s.lane
		if l != nil && l.inward {
			frame, found, err := l.in.next(buf)
			if err != nil || found == foundFrame {
				return frame, err
			}
			if found == foundDetour {
				l.inward = false
			} else if err := s.await(); err != nil {
				return frame, err
			}
			continue
		}
		frame, err := s.early, s.gone
		if s.early = nil; frame == nil && err == nil {
			frame, err = s.conn.ReadFrame(buf)
		}
		switch {
		case err != nil, l == nil:
			return frame, err
		case len(frame) == 0: // a bell that came late
		case kindOf(frame) == kindTurn:
			l.inward = true
		default:
			return frame, nil
		}
		buf = frame
	}
}

// await returns when there may be something in the ring, which was empty.
func (s *server) await() error {
	l := s.lane
	if s.begun { // by a goroutine, perhaps
		s.begun = false
		runtime.Gosched()
	}
	switch {
	case s.gone != nil:
		return s.gone
	case s.early != nil:
		return protocolError("a frame beside the ring")
	case l.patience.Await(func() bool { return !l.in.empty() }), !l.sleep():
		return nil
	}
	frame, err := s.conn.ReadFrame(nil)
	l.wake()
	if len(frame) != 0 {
		s.early = frame // the detour to it is in the ring
	}
	if err != nil { // what was published before still counts
		s.gone = err
		return l.in.close()
	}
	return nil
}
