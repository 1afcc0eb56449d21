package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
)

// What a lane adds to a connection's writing end.

// share has the connection write to a lane from now on, where that suits.
func (c *Conn) share(l *lane) { c.lane.Store(l) }

// unshare lets go of a lane that nobody reads from any more. The connection is closed, so that no write takes long.
func (c *Conn) unshare(l *lane) {
	c.writeMu.Lock()
	c.lane.Store(nil)
	c.writeMu.Unlock()
	unmapMemory(l.memory)
}

// tryWrite writes frames that are complete with their headers, as far as that takes no wait: through shared memory, or, if
// they are in one piece, as much as the network takes at once. It reports whether nothing is left. The rest, and what fails,
// are for writeFrames.
//
// Which way they go is decided under the one lock, by what the connection knows: whoever writes may not have heard yet that
// memory is shared, while another has begun to use it.
func (c *Conn) tryWrite(frames net.Buffers) (whole bool) {
	if !c.writeMu.TryLock() {
		return false
	}
	defer c.writeMu.Unlock()
	if c.broken != nil {
		return false
	}
	if c.publishLocked(frames) {
		return true
	}
	if c.broken != nil || len(frames) != 1 {
		return false
	}
	_ = c.raw.Write(func(fd uintptr) bool {
		frames[0] = frames[0][writeOnce(fd, frames[0]):]
		return true // in any case: this does not wait
	})
	c.partial = len(frames[0]) != 0
	return !c.partial
}

// publishLocked puts frames that are complete with their headers into the ring, and reports whether it did. What does not fit
// goes by the socket, to which it prepares the way.
func (c *Conn) publishLocked(frames [][]byte) bool {
	l := c.lane.Load()
	if l == nil || c.partial {
		return false
	}
	size := 0
	for _, f := range frames {
		size += len(f)
	}
	var (
		room   []byte
		err    error
		before = l.out.position
	)
	if size <= largestRecord {
		if room, err = l.out.reserve(size); err != nil {
			c.broken = err
			return false
		}
	}
	switch {
	case room == nil && l.outward:
		l.outward = false
		l.out.detour()
		l.pending = 0
		return false
	case room == nil:
		return false
	case !l.outward && !c.turnLocked():
		l.out.position = before
		return false
	}
	l.outward = true
	for _, f := range frames {
		room = room[copy(room, f):]
	}
	c.publishedLocked(l)
	return true
}

// publishFrame puts a frame into the ring, where that is where the last one went and there is room, and reports whether it
// did. What it leaves is for tryWrite.
func (c *Conn) publishFrame(header, payload []byte) bool {
	l := c.lane.Load()
	if l == nil || !c.writeMu.TryLock() {
		return false
	}
	published := c.publishFrameLocked(l, header, payload)
	pending := l.pending != 0
	c.writeMu.Unlock()
	if pending {
		c.publishPending(l)
	}
	return published
}

func (c *Conn) publishFrameLocked(l *lane, header, payload []byte) bool {
	if c.lane.Load() != l || !l.outward || c.partial || c.broken != nil {
		return false
	}
	length := len(header) + len(payload)
	room, err := l.out.reserve(shortHeader + length)
	if err != nil {
		c.broken = err
	}
	if room == nil {
		return false
	}
	binary.BigEndian.PutUint32(room, uint32(length))
	copy(room[shortHeader+copy(room[shortHeader:], header):], payload)
	if l.pending++; l.pending >= mostPending || !l.gathers.Load() {
		c.publishedLocked(l)
	}
	return true
}

// mostPending is how many frames are in the ring before they are published.
const mostPending = 4

// gather has frames published together, a few at a time, until it is called with false. It does not wait for a write, which
// may take as long as the peer reads nothing.
func (c *Conn) gather(on bool) {
	l := c.lane.Load()
	if l == nil {
		return
	}
	if l.gathers.Store(on); !on {
		c.publishPending(l)
	}
}

// publishPending publishes what was gathered, if that is over. Who writes meanwhile does it instead: publishFrame looks once
// it has unlocked, and every other write publishes what is in front of it.
//
// A TryLock that fails is but a load that has no order: some processors do it before what gather has stored can be seen, and
// then whoever had the lock may miss that. With an atomic load in between they do not.
func (c *Conn) publishPending(l *lane) {
	if l.gathers.Load() || !c.writeMu.TryLock() {
		return
	}
	if l.pending != 0 && c.lane.Load() == l {
		c.publishedLocked(l)
	}
	c.writeMu.Unlock()
}

// publishedLocked lets the peer see what was put into the ring.
func (c *Conn) publishedLocked(l *lane) {
	l.out.publish()
	l.pending = 0
	if l.peerSleeps.Load() != 0 && l.peerSleeps.Swap(0) != 0 {
		c.ringLocked()
	}
}

var (
	bellFrame = appendFrameHeader(nil, 0)
	turnFrame = append(appendFrameHeader(nil, 2), 0x91, byte(kindTurn))

	errPiece = errors.New("wire: write: the network took a piece of a frame")
)

// turnLocked says on the socket that what follows is in the ring. It reports false when the socket takes nothing now.
func (c *Conn) turnLocked() bool { return c.writeNowLocked(turnFrame) }

// ringLocked wakes a peer that sleeps. A socket that takes nothing has something for the peer, which wakes it too.
func (c *Conn) ringLocked() { c.writeNowLocked(bellFrame) }

func (c *Conn) writeNowLocked(frame []byte) bool {
	n := 0
	_ = c.raw.Write(func(fd uintptr) bool {
		n = writeOnce(fd, frame)
		return true // in any case: this does not wait
	})
	if n != 0 && n != len(frame) { // sockets take so few bytes whole
		c.broken = errPiece
	}
	return n == len(frame)
}

// writeFile writes frames that are complete with their headers, and a file with them, which it closes.
func (c *Conn) writeFile(frames net.Buffers, file *os.File) error {
	defer file.Close()
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	n, err := sendFile(c.conn.(*net.UnixConn), frames[0], file)
	if err == nil && n < len(frames[0]) {
		_, err = c.conn.Write(frames[0][n:])
	}
	if err != nil {
		c.broken = fmt.Errorf("wire: write: %w", err)
	}
	return c.broken
}
