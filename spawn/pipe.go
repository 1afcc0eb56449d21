package spawn

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"

	"github.com/multiproc-go/multiproc/wire"
)

// ErrPipeMoved is returned by the methods of a pipe end that was passed to a child, which has it from then on, and by a
// start with an argument that holds such an end.
var ErrPipeMoved = errors.New("spawn: the pipe end was passed to another process")

// A PipeEnd is one of the two ends of a pipe made by Pipe. Both ends send and receive messages.
//
// A PipeEnd may be put into the argument of a registered function, as a *PipeEnd or within other values. It then moves:
// once the start has succeeded it is the child's, and the parent's is closed, so that each end notices when the process
// that has the other one dies. It cannot be sent over another connection.
//
// One goroutine may receive while any number send. The zero PipeEnd is closed.
type PipeEnd struct {
	id uint64

	mu    sync.Mutex // guards the fields below
	conn  *wire.Conn // nil when closed or moved
	moved bool       // moved, or on its way
}

// Pipe returns the two ends of a new pipe. They are the caller's to close, or to pass on. It returns an error when the
// process has no descriptors left.
func Pipe() (*PipeEnd, *PipeEnd, error) {
	a, b, err := socketPair()
	if err != nil {
		return nil, nil, fmt.Errorf("spawn: pipe: %w", err)
	}
	first, err := connFromFile(os.NewFile(uintptr(a), "pipe"))
	second, secondErr := connFromFile(os.NewFile(uintptr(b), "pipe"))
	if err := errors.Join(err, secondErr); err != nil {
		for _, conn := range []net.Conn{first, second} {
			if conn != nil {
				_ = conn.Close()
			}
		}
		return nil, nil, fmt.Errorf("spawn: pipe: %w", err)
	}
	return newEnd(first), newEnd(second), nil
}

// connFromFile makes a connection of a socket, and closes file.
func connFromFile(file *os.File) (net.Conn, error) {
	conn, err := net.FileConn(file)
	return conn, errors.Join(err, file.Close())
}

func newEnd(conn net.Conn) *PipeEnd {
	e := &PipeEnd{}
	e.attach(conn)
	return e
}

// attach gives an end its connection and makes it known to the starts of this process.
func (e *PipeEnd) attach(conn net.Conn) {
	id := ends.add(e)
	e.mu.Lock()
	e.id, e.conn = id, wire.NewConn(conn, wire.DefaultMaxFrame)
	e.mu.Unlock()
	runtime.AddCleanup(e, ends.remove, id)
}

// Send sends one message. It blocks while the pipe is full, until the other end receives, either end is closed, or a
// write deadline of NetConn passes. It returns an error that wraps net.ErrClosed, ErrPipeMoved, wire.ErrFrameTooLarge,
// or the network's; syscall.EPIPE says that the other end is closed.
func (e *PipeEnd) Send(message []byte) error {
	conn, err := e.open()
	if err != nil {
		return err
	}
	return conn.WriteFrame(message)
}

// Receive receives one message, which is the caller's. It blocks until one is there, either end is closed, or a read
// deadline of NetConn passes. It returns io.EOF when the other end is closed and everything was received, or an error
// that wraps net.ErrClosed, ErrPipeMoved, or the network's; after one of the network the end is of no more use.
func (e *PipeEnd) Receive() ([]byte, error) {
	conn, err := e.open()
	if err != nil {
		return nil, err
	}
	return conn.ReadFrame(nil)
}

// Close closes the end, which unblocks its Send and Receive. A second Close, and that of an end which was moved, return
// nil.
func (e *PipeEnd) Close() error {
	e.mu.Lock()
	conn := e.conn
	e.conn = nil
	e.mu.Unlock()
	if conn == nil {
		return nil
	}
	ends.remove(e.id)
	return conn.Close()
}

// NetConn returns the connection below, for its deadlines, or nil if the end is closed or was moved. Nothing may be read
// from it or written to it.
func (e *PipeEnd) NetConn() net.Conn {
	conn, err := e.open()
	if err != nil {
		return nil
	}
	return conn.NetConn()
}

func (e *PipeEnd) open() (*wire.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.moved:
		return nil, ErrPipeMoved
	case e.conn == nil:
		return nil, fmt.Errorf("spawn: pipe end: %w", net.ErrClosed)
	}
	return e.conn, nil
}

// SendValue sends a value over a pipe, encoded as arguments are. It blocks as Send does, and returns its errors and those
// of the encoding.
func SendValue[T any](e *PipeEnd, value T) error {
	codec, err := wire.CodecOf[T]()
	if err != nil {
		return fmt.Errorf("spawn: send: %w", err)
	}
	encoded, err := codec.Append(nil, &value)
	if err != nil {
		return fmt.Errorf("spawn: send: %w", err)
	}
	return e.Send(encoded)
}

// ReceiveValue receives a value that was sent with SendValue as the same type. It blocks as Receive does, and returns
// its errors and those of the decoding.
func ReceiveValue[T any](e *PipeEnd) (value T, err error) {
	codec, err := wire.CodecOf[T]()
	if err != nil {
		return value, fmt.Errorf("spawn: receive: %w", err)
	}
	encoded, err := e.Receive()
	if err != nil {
		return value, err
	}
	if err := codec.Decode(encoded, &value); err != nil {
		return value, fmt.Errorf("spawn: receive: %w", err)
	}
	return value, nil
}
