package spawn

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A pump copies what a child writes into one pipe. It runs until the last process that holds the pipe has closed it,
// or until it is closed itself, which its Process does once it has swept the child's tree.
type pump struct {
	source *os.File
	raw    syscall.RawConn
	sink   io.Writer
	tail   *tail // also keeps the end, if not nil

	drained chan struct{} // closed once everything that was in the pipe when the child exited has been copied
	ended   chan struct{} // closed when run returns
}

// pumpBuffers lets a pump that waits hold no buffer.
var pumpBuffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

func newPump(fd int, sink io.Writer, tail *tail) (*pump, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fd))
	}
	source := os.NewFile(uintptr(fd), "output of child")
	raw, err := source.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return &pump{
		source: source, raw: raw, sink: sink, tail: tail,
		drained: make(chan struct{}), ended: make(chan struct{}),
	}, nil
}

// run copies. It is one goroutine.
func (p *pump) run() {
	defer close(p.ended)
	exited, err := p.copyAll(true)
	if exited {
		_ = p.source.SetReadDeadline(time.Time{}) // fails if closed, as does the read then
		_, err = p.copyAll(false)
	}
	close(p.drained)
	if exited && errors.Is(err, errEmpty) {
		_, _ = p.copyAll(true) // what processes that outlive the child still write
	}
	_ = p.source.Close()
}

// errEmpty says that nothing is in the pipe at the moment.
var errEmpty = errors.New("pipe is empty")

// copyAll copies until the pipe's end, its closing, or the deadline that childExited sets; if it is not to wait, also
// until the pipe is empty. A sink that fails loses the output, and the child is none the worse.
func (p *pump) copyAll(wait bool) (deadline bool, err error) {
	for {
		err := p.copyOnce(wait)
		if err != nil {
			return errors.Is(err, os.ErrDeadlineExceeded), err
		}
	}
}

func (p *pump) copyOnce(wait bool) error {
	var buffer *[16 << 10]byte
	var n int
	var failed error
	err := p.raw.Read(func(fd uintptr) bool {
		buffer = pumpBuffers.Get().(*[16 << 10]byte)
		n, failed = readOnce(int(fd), buffer[:])
		if !errors.Is(failed, unix.EAGAIN) {
			return true
		}
		pumpBuffers.Put(buffer)
		buffer = nil
		return !wait
	})
	if buffer != nil {
		defer pumpBuffers.Put(buffer)
	}
	switch {
	case err != nil:
		return err
	case errors.Is(failed, unix.EAGAIN):
		return errEmpty
	case failed != nil:
		return failed
	case n == 0:
		return io.EOF
	}
	if p.tail != nil {
		p.tail.add(buffer[:n])
	}
	_, _ = p.sink.Write(buffer[:n])
	return nil
}

func readOnce(fd int, buffer []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buffer)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// childExited has the pump copy what is in the pipe and then close drained.
func (p *pump) childExited() {
	_ = p.source.SetReadDeadline(time.Unix(1, 0)) // fails if closed: nothing is left to drain then
}

// close ends the pump and waits for it, unless its sink blocks.
func (p *pump) close() { _ = p.source.Close() }
