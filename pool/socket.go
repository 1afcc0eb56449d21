package pool

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/wire"
)

// connect makes a connection for frames of a socket, which it closes, and counts what it moves.
func connect(socket *os.File, maxFrame int64) (*wire.Conn, *meter, error) {
	c, err := net.FileConn(socket)
	if err = joinClose(err, socket); err != nil {
		return nil, nil, fmt.Errorf("pool: cannot use the link's socket: %w", err)
	}
	m := &meter{Conn: c}
	return wire.NewConn(m, maxFrame), m, nil
}

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
