package wire

import (
	"encoding/binary"
	"fmt"
)

// A head is what the first bytes of an encoded value say.
type head struct {
	size  int    // bytes of the head itself, with the kind of an extension
	body  int    // bytes after it that belong to the value, without its children
	child uint64 // how many values follow that belong to this one
}

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// errShort is malformed with a text that no format makes: every process initialises this package.
const errShort = shortError("it ends in the middle of a value")

type shortError string

func (e shortError) Error() string { return ErrMalformed.Error() + ": " + string(e) }
func (shortError) Unwrap() error   { return ErrMalformed }

// readHead reads the head of the value that src begins with, and makes sure that src holds its body, and a byte
// for each child.
func readHead(src []byte) (h head, err error) {
	if len(src) == 0 {
		return h, errShort
	}
	lead := src[0]
	switch {
	case lead <= 0x7f || lead >= 0xe0: // fixint
		return head{size: 1}, nil
	case lead <= 0x8f:
		h = head{size: 1, child: uint64(lead&0x0f) * 2}
	case lead <= 0x9f:
		h = head{size: 1, child: uint64(lead & 0x0f)}
	case lead <= 0xbf:
		h = head{size: 1, body: int(lead & 0x1f)}
	default:
		if h, err = readLongHead(src, lead); err != nil {
			return h, err
		}
	}
	rest := len(src) - h.size
	if rest < 0 || h.body < 0 || h.body > rest || h.child > uint64(rest) {
		return h, errShort
	}
	return h, nil
}

// A leadShape says how a head with a lead byte from 0xc0 to 0xdf is made.
type leadShape struct {
	length byte // how many bytes hold a length
	fixed  byte // how many bytes there are besides the length's worth
	unit   byte // 0: the length counts bytes; else children, so many for each
	ext    byte // 1: a byte with an extension's kind comes after the length
	bad    bool
}

var leadShapes = [32]leadShape{
	0x00: {}, 0x01: {bad: true}, 0x02: {}, 0x03: {}, // nil, unused, false, true
	0x04: {length: 1}, 0x05: {length: 2}, 0x06: {length: 4}, // bin
	0x07: {length: 1, ext: 1}, 0x08: {length: 2, ext: 1}, 0x09: {length: 4, ext: 1}, // ext
	0x0a: {fixed: 4}, 0x0b: {fixed: 8}, // float
	0x0c: {fixed: 1}, 0x0d: {fixed: 2}, 0x0e: {fixed: 4}, 0x0f: {fixed: 8}, // uint
	0x10: {fixed: 1}, 0x11: {fixed: 2}, 0x12: {fixed: 4}, 0x13: {fixed: 8}, // int
	0x14: {fixed: 1, ext: 1}, 0x15: {fixed: 2, ext: 1}, 0x16: {fixed: 4, ext: 1}, // fixext
	0x17: {fixed: 8, ext: 1}, 0x18: {fixed: 16, ext: 1},
	0x19: {length: 1}, 0x1a: {length: 2}, 0x1b: {length: 4}, // str
	0x1c: {length: 2, unit: 1}, 0x1d: {length: 4, unit: 1}, // array
	0x1e: {length: 2, unit: 2}, 0x1f: {length: 4, unit: 2}, // map
}

func readLongHead(src []byte, lead byte) (h head, err error) {
	shape := leadShapes[lead-0xc0]
	if shape.bad {
		return h, malformed("the unused lead byte 0xc1")
	}
	h.size = 1 + int(shape.length) + int(shape.ext)
	if len(src) < h.size {
		return h, errShort
	}
	var n uint32
	switch shape.length {
	case 1:
		n = uint32(src[1])
	case 2:
		n = uint32(binary.BigEndian.Uint16(src[1:]))
	case 4:
		n = binary.BigEndian.Uint32(src[1:])
	}
	if shape.unit != 0 {
		h.child = uint64(n) * uint64(shape.unit)
		return h, nil
	}
	h.body = int(n) + int(shape.fixed)
	return h, nil
}

// skipValue returns what follows the first value in src. It makes sure that the value is whole, that no length
// in it lies, and that it is not nested more than MaxDepth levels deep.
func skipValue(src []byte) (rest []byte, err error) { return walkValue(src, nil) }

// walkValue is skipValue that shows each extension to visit: its parts, and how much of src is left where it begins.
func walkValue(src []byte, visit func(left int, kind int8, body []byte) error) (rest []byte, err error) {
	var few [32]uint64
	open := few[:0] // how many values each array and map around the next value still lacks, beyond left
	left := uint64(1)
	for {
		for left == 0 {
			if len(open) == 0 {
				return src, nil
			}
			left, open = open[len(open)-1], open[:len(open)-1]
		}
		left--
		h, err := readHead(src)
		if err != nil {
			return src, err
		}
		if visit != nil && isExtension(src[0]) {
			if err := visit(len(src), int8(src[h.size-1]), src[h.size:h.size+h.body]); err != nil {
				return src, err
			}
		}
		src = src[h.size+h.body:]
		if h.child != 0 {
			if len(open) >= MaxDepth {
				return src, ErrTooDeep
			}
			open = append(open, left)
			left = h.child
		}
	}
}
