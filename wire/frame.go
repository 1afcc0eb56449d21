package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

var (
	// ErrFrameTooLarge is wrapped when a frame, in either direction, is beyond the connection's limit.
	ErrFrameTooLarge = errors.New("frame is larger than the limit")
	// ErrBadFrame is wrapped when what arrived cannot be a frame.
	ErrBadFrame = errors.New("malformed frame")
)

// DefaultMaxFrame is the limit of a connection that names none: 1 GiB of payload, header excluded.
const DefaultMaxFrame = 1 << 30

// A frame's header is the length of its payload as a big-endian int32, or -1 and then a big-endian uint64 where the
// length needs more: what CPython's multiprocessing.connection writes.
const (
	shortHeader = 4
	longHeader  = 12
)

func appendFrameHeader(dst []byte, length int64) []byte {
	if length <= math.MaxInt32 {
		return binary.BigEndian.AppendUint32(dst, uint32(length))
	}
	dst = binary.BigEndian.AppendUint32(dst, math.MaxUint32)
	return binary.BigEndian.AppendUint64(dst, uint64(length))
}

// readFrameHeader returns the length of the payload and the size of the header that src begins with; a size of more
// than len(src) says how many bytes it takes to know.
func readFrameHeader(src []byte) (length int64, size int, err error) {
	if len(src) < shortHeader {
		return 0, shortHeader, nil
	}
	short := int32(binary.BigEndian.Uint32(src))
	switch {
	case short >= 0:
		return int64(short), shortHeader, nil
	case short != -1:
		return 0, shortHeader, fmt.Errorf("%w: the length %d", ErrBadFrame, short)
	case len(src) < longHeader:
		return 0, longHeader, nil
	}
	long := binary.BigEndian.Uint64(src[shortHeader:])
	if long > math.MaxInt64 {
		return 0, longHeader, fmt.Errorf("%w: the length %d", ErrBadFrame, long)
	}
	return int64(long), longHeader, nil
}

func checkFrame(length, limit int64) error {
	if length > limit {
		return fmt.Errorf("%w: %d bytes, and at most %d are allowed", ErrFrameTooLarge, length, limit)
	}
	return nil
}
