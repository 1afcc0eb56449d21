package pool

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// connect makes a connection for frames of an end that socketPair has made, and counts what it moves. The connection owns
// the socket, which is closed if there is an error.
func connect(socket *os.File, maxFrame int64) (*wire.Conn, *meter, error) {
	if err := socket.SetDeadline(time.Time{}); err != nil {
		return nil, nil, fmt.Errorf("pool: cannot use the link's socket: %w", joinClose(err, socket))
	}
	m := &meter{Conn: socketConn{socket}}
	return wire.NewConn(m, maxFrame), m, nil
}

// socketConn is an end of a pair of sockets as it is. To make one of package net of it takes seven system calls, half of
// which ask for addresses that it does not have.
type socketConn struct{ *os.File }

// LocalAddr and RemoteAddr complete net.Conn.
func (socketConn) LocalAddr() net.Addr  { return &net.UnixAddr{Net: "unix"} }
func (socketConn) RemoteAddr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// frameLimit bounds the frames of a data connection, in bytes, where payloads have at most largest: an error with its
// stack may be longer than that.
func frameLimit(largest int64) int64 { return max(largest, 1<<20) }

// meter counts the bytes that a connection moves, in both directions, while they move.
type meter struct {
	net.Conn
	count atomic.Int64
}

// meterStep is the most that is written without being counted, in bytes.
const meterStep = 256 << 10

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.count.Add(int64(n))
	return n, err
}

func (m *meter) Write(b []byte) (written int, err error) {
	for first := true; first || len(b) > 0; first = false {
		step := b[:min(len(b), meterStep)]
		n, err := m.Conn.Write(step)
		m.count.Add(int64(n))
		written += n
		if err != nil {
			return written, err
		}
		b = b[len(step):]
	}
	return written, nil
}
