//go:build !linux

package wire

import (
	"errors"
	"net"
	"os"
	"runtime"
)

var errNoMemory = errors.New("this system has no memory to share that cannot change its size")

func newMemory() (mapping, *os.File, error) { return mapping{}, nil, errNoMemory }

func mapMemory(int) (mapping, error) { return mapping{}, errNoMemory }

func (w *Words) release() {}

func unmapMemory([]byte) {}

func yield() { runtime.Gosched() }

func sendFile(*net.UnixConn, []byte, *os.File) (int, error) { return 0, errNoMemory }

// A fileReader reads from a Unix socket.
type fileReader struct {
	conn *net.UnixConn
	fd   int
}

func (r *fileReader) Read(p []byte) (int, error) { return r.conn.Read(p) }

func (r *fileReader) take() int { return -1 }

func (r *fileReader) close() {}

func closeFile(int) {}
