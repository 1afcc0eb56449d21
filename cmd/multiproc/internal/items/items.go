package items

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxLength is the longest item in bytes. Linux takes no longer argument than
// 128 KiB, its closing NUL included.
const MaxLength = 128<<10 - 1

// maxSkip is how many bytes of one item are read in search of its end before
// the whole input is given up as not separated at all.
const maxSkip = 64 << 20

// keptLength is how much of an item that is too long is kept for reports.
const keptLength = 256

var (
	// ErrNUL is in Item.Err for an item that has a NUL byte in it.
	ErrNUL = errors.New("item has a NUL byte in it, which no argument can hold (is the input separated by NULs? then use -0)")

	// ErrTooLong is in Item.Err for an item of more than MaxLength bytes.
	ErrTooLong = fmt.Errorf("item is longer than %d bytes, the most that one argument can hold", MaxLength)

	// ErrNoSeparator ends an input in which an item has no end within 64 MiB.
	ErrNoSeparator = fmt.Errorf("no end of the item within %d MiB (wrong separator? see -0)", maxSkip>>20)
)

// An Item is one item of the input.
type Item struct {
	Text string // what stands for {}; its beginning alone when it is too long
	Err  error  // nil, or why no command can be run for it: ErrNUL or ErrTooLong
}

// A Source yields items in the order of the input. It is for one goroutine.
type Source interface {
	// Next blocks until there is an item. It returns io.EOF after the last
	// one, and any other error when the input cannot be read further.
	Next() (Item, error)
}

// List returns a Source of the given texts, which it does not modify.
func List(texts []string) Source { return &list{texts} }

type list struct{ rest []string }

func (l *list) Next() (Item, error) {
	if len(l.rest) == 0 {
		return Item{}, io.EOF
	}
	text := l.rest[0]
	l.rest = l.rest[1:]
	return check(text), nil
}

// Read returns a Source that splits r at each separator: '\n' or 0. Closing r
// stays with the caller.
func Read(r io.Reader, separator byte) Source {
	return &reader{in: bufio.NewReaderSize(r, 64<<10), separator: separator}
}

type reader struct {
	in        *bufio.Reader
	separator byte
}

func (r *reader) Next() (Item, error) {
	var text []byte
	for {
		part, err := r.in.ReadSlice(r.separator)
		text = append(text, part...)
		switch {
		case err == nil:
			text = text[:len(text)-1]
			return check(string(text)), nil
		case errors.Is(err, io.EOF) && len(text) > 0:
			return check(string(text)), nil // a last item needs no separator
		case !errors.Is(err, bufio.ErrBufferFull):
			return Item{}, err
		case len(text) > MaxLength+1:
			return r.skip(text)
		}
	}
}

// skip reads to the end of an item that is already known to be too long.
func (r *reader) skip(text []byte) (Item, error) {
	item := tooLong(string(text[:keptLength]))
	for read := len(text); read <= maxSkip; {
		part, err := r.in.ReadSlice(r.separator)
		read += len(part)
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return item, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return Item{}, err
		}
	}
	return Item{}, ErrNoSeparator
}

func check(text string) Item {
	switch {
	case len(text) > MaxLength:
		return tooLong(text[:keptLength])
	case strings.IndexByte(text, 0) >= 0:
		return Item{Text: text, Err: ErrNUL}
	default:
		return Item{Text: text}
	}
}

func tooLong(beginning string) Item {
	return Item{Text: strings.Clone(beginning) + "...", Err: ErrTooLong}
}
