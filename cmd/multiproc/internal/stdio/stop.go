package stdio

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrStopped is returned by a call that a Stop has ended.
var ErrStopped = errors.New("stopped")

// A Stop ends the calls of any number of readers, writers and watchers. Its
// methods are safe for concurrent use.
type Stop struct {
	r, w *os.File // a pipe nothing is ever written to: closing w wakes everyone who polls r
	fd   int32    // of r
	once sync.Once
}

// NewStop returns a Stop that has not been stopped. The caller closes it when
// no call that uses it is running any more.
func NewStop() (*Stop, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("stdio: %w", err)
	}
	return &Stop{r: r, w: w, fd: descriptor(r)}, nil
}

// Stop makes every call that uses s, and every later one, return ErrStopped
// unless it can go on without blocking. Stopping again has no effect.
func (s *Stop) Stop() { s.once.Do(func() { s.w.Close() }) }

// Close stops and then frees the descriptors of s.
func (s *Stop) Close() error {
	s.Stop()
	return s.r.Close()
}

// descriptor is for waiting alone. (Each call of Fd may cost system calls.)
func descriptor(f *os.File) int32 { return int32(f.Fd()) }

// wait blocks until fd has one of the poll events, or an error or hang-up that
// the following call will see, and returns what it has.
func (s *Stop) wait(fd int32, events int16) (int16, error) {
	fds := []unix.PollFd{
		{Fd: fd, Events: events},
		{Fd: s.fd},
	}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, os.NewSyscallError("poll", err)
		case fds[0].Revents != 0:
			return fds[0].Revents, nil
		case fds[1].Revents != 0:
			return 0, ErrStopped
		}
	}
}
