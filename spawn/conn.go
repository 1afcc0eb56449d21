package spawn

import (
	"fmt"
	"net"
	"os"

	"github.com/tinylib/msgp/msgp"

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
