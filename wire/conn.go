package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// A Conn sends and receives frames over a network connection. One goroutine may read while any number write.
type Conn struct {
	conn     net.Conn
	raw      syscall.RawConn        // to write without waiting; nil where that cannot be
	reader   *bufio.Reader          // of the one goroutine that reads; nil until it does
	full     bool                   // of that goroutine: a read has taken as much as there was room for
	rest     []byte                 // of that goroutine: what the smaller one had read, and the larger one has not
	files    *fileReader            // of that goroutine too: reads as long as a file is welcome; or nil
	serving  atomic.Pointer[server] // who answers the calls that come over it; or nil
	lane     atomic.Pointer[lane]   // what writers use beside the socket; or nil
	words    atomic.Pointer[Words]
	maxFrame atomic.Int64
	close    func() error

	writeMu sync.Mutex // serialises frames; guards the fields below
	scratch []byte     // the header, and the payload of a small frame
	parts   net.Buffers
	broken  error // of the write that left half a frame behind
	partial bool  // tryWrite has left a piece of a frame to writeFrames
}

const (
	// firstBuffer and readBuffer are how many bytes are read at once, at first and when more than that has come: most
	// connections carry a few words now and then, and there are some to each worker.
	firstBuffer = 512
	readBuffer  = 16 << 10
	// smallFrame is the size up to which parts are copied together, in bytes: dearer than a copy is the kernel's
	// walk over a vector.
	smallFrame = 8 << 10
	// firstRead is how many bytes of a large frame are made room for before any has arrived.
	firstRead = 1 << 20
)

// NewConn returns a connection for frames over c, which it owns from then on: read and write through the Conn alone.
// maxFrame limits the payload of each frame in both directions, in bytes without the header; 0 means
// [DefaultMaxFrame].
func NewConn(c net.Conn, maxFrame int64) *Conn {
	conn := &Conn{conn: c, close: sync.OnceValue(c.Close)}
	if s, ok := c.(syscall.Conn); ok && writesDirectly {
		conn.raw, _ = s.SyscallConn() // without it there is a goroutine to write
	}
	conn.SetMaxFrame(maxFrame)
	return conn
}

// A source is what a Conn's reader reads from.
type source struct{ c *Conn }

func (s source) Read(p []byte) (n int, err error) {
	if len(s.c.rest) > 0 {
		n = copy(p, s.c.rest)
		s.c.rest = s.c.rest[n:]
		return n, nil
	}
	if s.c.files != nil {
		n, err = s.c.files.Read(p)
	} else {
		n, err = s.c.conn.Read(p)
	}
	s.c.full = s.c.full || n == len(p)
	return n, err
}

// Words returns the words that the two ends share, or nil as long as they share none. It does not block.
func (c *Conn) Words() *Words { return c.words.Load() }

// SetMaxFrame changes the limit for frames that are read or written after it; 0 means [DefaultMaxFrame]. It is safe
// for concurrent use.
func (c *Conn) SetMaxFrame(n int64) {
	if n <= 0 {
		n = DefaultMaxFrame
	}
	c.maxFrame.Store(n)
}

// ReadFrame reads one frame and returns its payload, in buf's memory where its capacity is enough: the caller owns
// the result, and passes it in again to have it reused. buf may be nil. ReadFrame blocks until a whole frame is
// there, the connection ends or is closed, or a read deadline of NetConn passes. Only one goroutine may be in it.
//
// The error is io.EOF at the end between two frames, io.ErrUnexpectedEOF within one, wraps ErrFrameTooLarge or
// ErrBadFrame, or is the network's. After any error the connection is of no more use for reading. Memory for the
// payload is taken as it arrives, so that a header alone cannot claim it.
func (c *Conn) ReadFrame(buf []byte) ([]byte, error) {
	length, err := c.readHeader()
	if err != nil {
		return buf[:0], readError(err)
	}
	if err := checkFrame(length, c.maxFrame.Load()); err != nil {
		return buf[:0], fmt.Errorf("wire: read: %w", err)
	}
	if length != int64(int(length)) {
		return buf[:0], fmt.Errorf("wire: read: %w: %d bytes are beyond this machine's memory", ErrFrameTooLarge, length)
	}
	buf, err = readPayload(c.reader, buf[:0], int(length))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return buf, readError(err)
}

func (c *Conn) readHeader() (int64, error) {
	c.makeReader()
	for size := shortHeader; ; {
		head, err := c.reader.Peek(size)
		if err != nil {
			if errors.Is(err, io.EOF) && len(head) != 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		length, need, err := readFrameHeader(head)
		if err != nil {
			return 0, err
		}
		if need <= size {
			_, err := c.reader.Discard(need)
			return length, err
		}
		size = need
	}
}

// makeReader makes the reader, or one with more room when that is worth it.
func (c *Conn) makeReader() {
	room := func(size int64) int { return longHeader + int(min(size-longHeader, c.maxFrame.Load())) }
	switch {
	case c.reader == nil:
		c.reader = bufio.NewReaderSize(source{c}, room(firstBuffer))
	case c.full && c.reader.Size() < room(readBuffer):
		c.rest, _ = c.reader.Peek(c.reader.Buffered()) // which is there, in memory that nobody else uses from now on
		c.reader = bufio.NewReaderSize(source{c}, room(readBuffer))
	}
}

func readPayload(r io.Reader, buf []byte, length int) ([]byte, error) {
	for {
		have := len(buf)
		next := length
		if length > cap(buf) {
			if next = min(length, max(2*have, firstRead)); next > cap(buf) {
				buf = append(make([]byte, 0, next), buf...)
			}
		}
		n, err := io.ReadFull(r, buf[have:next])
		buf = buf[:have+n]
		if err != nil || next == length {
			return buf, err
		}
	}
}

// readError returns io.EOF and io.ErrUnexpectedEOF bare, so that they can be compared.
func readError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("wire: read: %w", err)
}

// WriteFrame writes one frame whose payload is the parts, one after another, in one call of the system. It is safe
// for concurrent use: frames do not mix. It blocks until the network has taken the frame, the connection is closed,
// or a write deadline of NetConn passes, and does not keep the parts.
//
// An error that wraps ErrFrameTooLarge came before a byte was written, and so did one that wraps os.ErrDeadlineExceeded where
// the network had taken nothing: frames can be written after it. After any other the connection is of no more use for writing, and later calls
// return that error.
func (c *Conn) WriteFrame(parts ...[]byte) error {
	var length int64
	for _, part := range parts {
		length += int64(len(part))
	}
	if err := checkFrame(length, c.maxFrame.Load()); err != nil {
		return fmt.Errorf("wire: write: %w", err)
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	written, err := c.writeLocked(length, parts)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("wire: write: %w", err)
	if written > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		c.broken = err
	}
	return err
}

// writeLocked writes a frame and returns how many bytes of it have gone.
func (c *Conn) writeLocked(length int64, parts [][]byte) (written int64, err error) {
	c.scratch = appendFrameHeader(c.scratch[:0], length)
	if length <= smallFrame {
		for _, part := range parts {
			c.scratch = append(c.scratch, part...)
		}
		n, err := c.conn.Write(c.scratch)
		return int64(n), err
	}
	vector := append(c.parts[:0], c.scratch)
	for _, part := range parts {
		if len(part) != 0 {
			vector = append(vector, part)
		}
	}
	c.parts = vector
	written, err = vector.WriteTo(c.conn)
	clear(c.parts) // of what belongs to the caller
	return written, err
}

// writeFrames writes frames that are complete with their headers.
func (c *Conn) writeFrames(frames net.Buffers) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if c.broken != nil || c.publishLocked(frames) {
		return c.broken
	}
	if c.broken == nil { // still
		if _, err := frames.WriteTo(c.conn); err != nil {
			c.broken = fmt.Errorf("wire: write: %w", err)
		}
		c.partial = false
	}
	return c.broken
}

// direct reports whether tryWrite is of any use.
func (c *Conn) direct() bool { return c.raw != nil }

// frameBuffered reports whether ReadFrame would return a frame without asking the network.
func (c *Conn) frameBuffered() bool {
	if c.reader == nil {
		return false
	}
	buffered := c.reader.Buffered()
	head, _ := c.reader.Peek(min(buffered, longHeader))
	length, size, err := readFrameHeader(head)
	return err != nil || size <= buffered && length <= int64(buffered-size)
}

// Close closes the network connection, which ends every ReadFrame and WriteFrame with an error that wraps
// net.ErrClosed. It is safe for concurrent use; later calls return what the first did.
func (c *Conn) Close() error { return c.close() }

// NetConn returns the network connection, for its addresses, deadlines and socket options. Do not read from it or
// write to it.
func (c *Conn) NetConn() net.Conn { return c.conn }
