package spool

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// A File is an open file without a name in the temporary folder (os.TempDir).
// It is used by one goroutine at a time.
type File struct {
	*os.File
	handle Handle
}

// A Handle tells another process of the same user and machine how to open a
// File. It is good for as long as the File is open in the process that made it.
type Handle struct {
	Path        string // in /proc, or a real one where there is no /proc
	Device, Ino uint64 // what must be found there
	Fault       string // why there is no file, if there is none
}

// Create makes an empty File. The caller closes it.
func Create() (*File, error) {
	f, path, err := create(os.TempDir())
	if err != nil {
		return nil, Explain(err)
	}
	device, ino, err := identify(f)
	if err != nil {
		f.Close()
		return nil, Explain(err)
	}
	return &File{File: f, handle: Handle{Path: path, Device: device, Ino: ino}}, nil
}

// Handle returns what another process needs in order to open f.
func (f *File) Handle() Handle { return f.handle }

// Size returns how many bytes f holds.
func (f *File) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, Explain(err)
	}
	return info.Size(), nil
}

// Close gives the file up. Its space is free when no process has it open.
func (f *File) Close() error {
	remove(f.handle.Path)
	return f.File.Close()
}

// Open opens the file of another process for writing, at its beginning. It
// fails when that process has closed the file or is gone, whatever may be found
// under the same number since. The caller closes the file.
func (h Handle) Open() (*os.File, error) {
	if h.Fault != "" {
		return nil, errors.New(h.Fault)
	}
	f, err := os.OpenFile(h.Path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("temporary file for output: %w", err)
	}
	device, ino, err := identify(f)
	if err == nil && (device != h.Device || ino != h.Ino) {
		err = fmt.Errorf("%s is another file by now", h.Path)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("temporary file for output: %w", err)
	}
	return f, nil
}

// Explain returns an error of a temporary file as one that names the folder and
// says what to do. It returns nil for nil.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	advice := "that can be written to"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		advice = "with more space"
	}
	if inPath := (*os.PathError)(nil); errors.As(err, &inPath) {
		err = inPath.Err // the path may be one in /proc, which says nothing
	}
	return fmt.Errorf("temporary folder %s: %w (set TMPDIR to one %s)", os.TempDir(), err, advice)
}

// identify returns the two numbers that tell f from every other open file.
func identify(f *os.File) (device, ino uint64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("%s: no device and inode number", f.Name())
	}
	return uint64(stat.Dev), stat.Ino, nil
}
