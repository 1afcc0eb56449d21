package stdio

import (
	"errors"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// chunk is how many bytes a pipe takes without blocking whenever poll says that
// it is writable: PIPE_BUF of Linux.
const chunk = 4096

// NewReader returns a reader of f whose Read fails with ErrStopped once stop is
// stopped and f has nothing to read. f stays the caller's to close. The reader
// is for one goroutine at a time.
func NewReader(f *os.File, stop *Stop) io.Reader { return &reader{f, descriptor(f), stop} }

type reader struct {
	f    *os.File
	fd   int32
	stop *Stop
}

func (r *reader) Read(p []byte) (int, error) {
	if _, err := r.stop.wait(r.fd, unix.POLLIN); err != nil {
		return 0, err
	}
	return r.f.Read(p)
}

// NewWriter returns a writer to f whose Write fails with ErrStopped once stop is
// stopped and f takes nothing more; what it has taken until then is counted.
// f stays the caller's to close.
func NewWriter(f *os.File, stop *Stop) *Writer {
	info, err := f.Stat()
	return &Writer{f: f, fd: descriptor(f), stop: stop, regular: err == nil && info.Mode().IsRegular()}
}

// A Writer writes to a stream. Write is for one goroutine at a time; Written may
// be called at any time.
type Writer struct {
	f       *os.File
	fd      int32
	stop    *Stop
	regular bool         // f never blocks for long, and poll knows nothing of it
	written atomic.Int64 // bytes
}

// Written returns how many bytes the stream has taken so far.
func (w *Writer) Written() int64 { return w.written.Load() }

// Write writes p and blocks until all of it is taken or the Stop has ended the
// call.
func (w *Writer) Write(p []byte) (written int, err error) {
	if w.regular {
		written, err = w.f.Write(p)
		w.written.Add(int64(written))
		return written, err
	}
	for len(p) > 0 {
		if _, err := w.stop.wait(w.fd, unix.POLLOUT); err != nil {
			return written, err
		}
		n, err := w.f.Write(p[:min(len(p), chunk)])
		written += n
		w.written.Add(int64(n))
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// AwaitBroken blocks until nobody can read any more what is written to f, and
// returns nil then; or ErrStopped after stop was stopped. For a file on disk
// that is never the case.
func AwaitBroken(f *os.File, stop *Stop) error {
	_, err := stop.wait(descriptor(f), 0) // errors and hang-ups are reported unasked
	return err
}

// IsBroken reports whether a write failed because nobody reads what is written.
func IsBroken(err error) bool {
	return errors.Is(err, unix.EPIPE)
}
