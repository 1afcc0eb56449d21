package spawn

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// stdio is what a child has as descriptors 0 to 2, and what feeds and drains them in the parent.
type stdio struct {
	child [3]uintptr
	ours  []int // those of child that are closed once the child has its own copies
	keep  []*os.File
	pumps []*pump
	tail  *tail
	feed  func() // copies into the child's stdin, or nil
	input *os.File
}

// openStdio prepares the descriptors. After an error everything is closed.
func openStdio(o *Options) (*stdio, error) {
	s := &stdio{tail: &tail{}}
	err := s.openInput(o.Stdin)
	if err == nil {
		err = s.openOutput(1, o.Stdout, os.Stdout, nil)
	}
	if err == nil {
		switch {
		case o.Stderr != nil:
			err = s.openOutput(2, o.Stderr, nil, s.tail)
		case o.Detached:
			err = s.openOutput(2, nil, os.Stderr, nil)
		default:
			err = s.openPump(2, os.Stderr, s.tail)
		}
	}
	if err != nil {
		s.closeOurs()
		s.discard()
		return nil, err
	}
	return s, nil
}

func (s *stdio) openInput(reader io.Reader) error {
	switch reader := reader.(type) {
	case nil:
		return s.openNull(0, unix.O_RDONLY)
	case *os.File:
		return s.pass(0, reader)
	default:
		read, write, err := pipe()
		if err != nil {
			return err
		}
		s.own(0, read)
		s.input = pollable(write, "input of child")
		s.feed = func() {
			_, _ = io.Copy(s.input, reader) // the child is told of the end of input, whatever that was
			_ = s.input.Close()
		}
		return nil
	}
}

func (s *stdio) openOutput(at int, writer io.Writer, inherited *os.File, tail *tail) error {
	switch writer := writer.(type) {
	case nil:
		if inherited == nil {
			return s.openNull(at, unix.O_WRONLY)
		}
		if err := s.pass(at, inherited); err != nil {
			return s.openNull(at, unix.O_WRONLY) // the parent has closed its own
		}
		return nil
	case *os.File:
		return s.pass(at, writer)
	default:
		return s.openPump(at, writer, tail)
	}
}

func (s *stdio) openNull(at, mode int) error {
	fd, err := unix.Open(os.DevNull, mode|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	s.own(at, fd)
	return nil
}

func (s *stdio) openPump(at int, writer io.Writer, tail *tail) error {
	read, write, err := pipe()
	if err != nil {
		return err
	}
	s.own(at, write)
	p, err := newPump(read, writer, tail)
	if err != nil {
		return err
	}
	s.pumps = append(s.pumps, p)
	return nil
}

// pass gives the child a file of the caller's. Its mode of blocking is left as it is.
func (s *stdio) pass(at int, file *os.File) error {
	fd, err := descriptor(file)
	if err != nil {
		return fmt.Errorf("descriptor %d of the child: %w", at, err)
	}
	s.child[at] = uintptr(fd)
	s.keep = append(s.keep, file)
	return nil
}

func (s *stdio) own(at, fd int) {
	s.child[at] = uintptr(fd)
	s.ours = append(s.ours, fd)
}

// closeOurs closes what the child has its own copies of.
func (s *stdio) closeOurs() {
	for _, fd := range s.ours {
		_ = unix.Close(fd)
	}
	s.ours = nil
}

// discard closes the parent's ends, of a child that never was.
func (s *stdio) discard() {
	for _, p := range s.pumps {
		p.close()
	}
	if s.input != nil {
		_ = s.input.Close()
	}
}

// descriptor is file's number, without the change of blocking mode that File.Fd makes.
func descriptor(file *os.File) (int, error) {
	if file == nil {
		return -1, os.ErrInvalid
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return -1, err
	}
	number := -1
	if err := raw.Control(func(fd uintptr) { number = int(fd) }); err != nil {
		return -1, err
	}
	if number < 0 {
		return -1, errors.New("file has no descriptor")
	}
	return number, nil
}
