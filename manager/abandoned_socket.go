package manager

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A namedSocket is the file of a socket that a manager's process listens at, as its owner has seen it. It is the owner
// who removes it where the process was killed before it could.
type namedSocket struct {
	path string
	file os.FileInfo
}

// lookAtSocket returns the socket at which a process says that it listens, or nil where that has no name of its own.
func lookAtSocket(listening string) *namedSocket {
	a, err := parseAddress(listening)
	if err != nil || a.network != "unix" {
		return nil
	}
	file, err := os.Lstat(a.path)
	if err != nil || file.Mode().Type() != os.ModeSocket {
		return nil
	}
	return &namedSocket{a.path, file}
}

// there says whether the file is still that of the same socket: another one may have the number of its inode, but then
// it is younger.
func (s *namedSocket) there() bool {
	file, err := os.Lstat(s.path)
	return err == nil && os.SameFile(file, s.file) && file.ModTime().Equal(s.file.ModTime())
}

// remove removes what is left of the socket of a process that has ended. A socket that somebody else has put in its
// place stays: whoever does that has the directory locked meanwhile, as here.
func (s *namedSocket) remove() (err error) {
	if s == nil || !s.there() {
		return nil
	}
	directory, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return fmt.Errorf("remove the manager's socket: %w", err)
	}
	defer func() { err = errors.Join(err, directory.Close()) }() // which ends the lock
	if err := lockSoon(directory); err != nil {
		return fmt.Errorf("remove the manager's socket %s: lock its directory: %w", s.path, err)
	}
	if !s.there() {
		return nil
	}
	if err := os.Remove(s.path); err != nil {
		return fmt.Errorf("remove the manager's socket: %w", err)
	}
	return nil
}
