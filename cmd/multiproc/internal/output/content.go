package output

import (
	"bytes"
	"io"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/spool"
)

// Content is what a command has written to one stream. Its zero value is
// nothing. It is used by one goroutine at a time and ends with a release.
type Content struct {
	inline []byte       // in memory,
	file   *spool.File  // or in a file of its own, from its beginning,
	piece  *spool.Piece // or on disk together with others'
	size   int64        // in bytes
	spill  bool         // it is to be moved to the common piece of disk
}

// Bytes returns content that is held in memory. The bytes must not be modified
// afterwards.
func Bytes(b []byte) Content { return Content{inline: b, size: int64(len(b))} }

// File returns content that is the first size bytes of a file, and takes over
// the file.
func File(f *spool.File, size int64) Content { return Content{file: f, size: size} }

// Append returns c with a message after it, on a line of its own where that can
// be seen to. It takes over c. What cannot be appended is left out.
func (c Content) Append(message string) Content {
	if c.file != nil {
		n, _ := c.file.WriteAt([]byte(message), c.size)
		c.size += int64(n)
		return c
	}
	if n := len(c.inline); n > 0 && c.inline[n-1] != '\n' {
		message = "\n" + message
	}
	return Bytes(append(c.inline, message...))
}

// Discard gives up content that is not to be printed.
func (c Content) Discard() { c.release() }

func (c Content) reader() io.Reader {
	if c.file != nil {
		return io.NewSectionReader(c.file.File, 0, c.size)
	}
	return bytes.NewReader(c.inline)
}

func (c Content) writeTo(w io.Writer) error {
	if c.piece != nil {
		_, err := c.piece.WriteTo(w)
		return err
	}
	_, err := io.CopyBuffer(onlyWriter{w}, c.reader(), nil)
	return err
}

// onlyWriter hides what else a writer can do, so that no copy takes a path
// which bypasses its Write.
type onlyWriter struct{ io.Writer }

// spilled returns c moved to the spill, and releases what held it before.
func (c Content) spilled(s *spool.Spill) (Content, error) {
	piece, err := s.Append(c.reader(), c.size)
	c.release()
	if err != nil {
		return Content{}, err
	}
	return Content{piece: piece, size: piece.Size()}, nil
}

func (c Content) release() {
	if c.file != nil {
		c.file.Close()
	}
	if c.piece != nil {
		c.piece.Drop()
	}
}
