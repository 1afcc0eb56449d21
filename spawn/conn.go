package spawn

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/tinylib/msgp/msgp"
	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/wire"
)

// pipeConn lets frames go over one end of a pipe.
type pipeConn struct{ *os.File }

// LocalAddr and RemoteAddr complete net.Conn: a pipe has no addresses.
func (pipeConn) LocalAddr() net.Addr  { return pipeAddr{} }
func (pipeConn) RemoteAddr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// framed returns a connection that owns file.
func framed(file *os.File) *wire.Conn { return wire.NewConn(pipeConn{file}, wire.DefaultMaxFrame) }

// hungUp reports whether nobody has the other end of a pipe any more, or not for long: it blocks until then, or for wait. What is
// in the pipe stays there.
func hungUp(conn *wire.Conn, wait time.Duration) (gone bool) {
	raw, err := conn.NetConn().(pipeConn).SyscallConn()
	if err != nil {
		return false
	}
	deadline := time.Now().Add(wait)
	_ = raw.Control(func(fd uintptr) {
		for polled := []unix.PollFd{{Fd: int32(fd)}}; ; { // an end is told without having been asked for
			n, err := unix.Poll(polled, int(max(0, time.Until(deadline)).Milliseconds()))
			if !errors.Is(err, unix.EINTR) {
				gone = n > 0 && polled[0].Revents&unix.POLLHUP != 0
				return
			}
		}
	})
	return gone
}

// send writes one message as one frame.
func send(conn *wire.Conn, message msgp.Marshaler) error {
	encoded, err := message.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("encode %T: %w", message, err)
	}
	return conn.WriteFrame(encoded)
}

// receive reads one frame as one message.
func receive(conn *wire.Conn, message msgp.Unmarshaler) error {
	frame, err := conn.ReadFrame(nil)
	if err != nil {
		return err
	}
	if _, err := message.UnmarshalMsg(frame); err != nil {
		return fmt.Errorf("decode %T: %w", message, err)
	}
	return nil
}
