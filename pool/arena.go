package pool

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"

	"github.com/multiproc-go/multiproc/wire"
)

// An arena is the last part of the memory that a link shares with its worker, for payloads that are too large for the
// rings: one half for arguments, which the link writes, one for results. Pages take memory when they are first written; the same
// ones are written again and again, since a payload goes to the lowest place where it fits. A payload stays where it is
// until its reader is done with it, and what finds no room travels as a frame.
type arena struct {
	file    *os.File // the link's, to give memory back
	args    []byte
	results []byte
}

// pieceSize is how much a record says of a payload in an arena: its place and its length, 8 bytes each.
const pieceSize = 16

// arenaOf returns the arena in memory that is shared, or none where that has no room for one.
func arenaOf(memory []byte) *arena {
	if arenaHalf == 0 || len(memory) < sharedWithArena {
		return nil
	}
	const middle, end = arenaAt + arenaHalf, arenaAt + 2*arenaHalf
	return &arena{args: memory[arenaAt:middle:middle], results: memory[middle:end:end]}
}

// close gives the file up. An arena that is nil has none.
func (a *arena) close() error {
	if a == nil {
		return nil
	}
	return a.file.Close()
}

// piece is a part of an arena's half that is in use.
type piece struct{ at, size int }

// pieces are those in use, by place.
type pieces []piece

// alignPiece keeps payloads in pages of their own.
const alignPiece = 4 << 10

// leadSize is what is left free before the encoding of large bytes, so that the bytes themselves, behind their header, begin
// with a cache line: copying anything else takes twice as long.
const leadSize = 64 - wire.BytesHeader

// take finds the lowest place for size bytes below limit.
func (p *pieces) take(size, limit int) (piece, bool) {
	at, i := 0, 0
	for ; i < len(*p) && (*p)[i].at-at < size; i++ {
		at = ((*p)[i].at + (*p)[i].size + alignPiece - 1) &^ (alignPiece - 1)
	}
	if size > limit-at {
		return piece{}, false
	}
	made := piece{at, size}
	*p = slices.Insert(*p, i, made)
	return made, true
}

// give gives a piece back.
func (p *pieces) give(done piece) {
	if i := slices.Index(*p, done); i >= 0 {
		*p = slices.Delete(*p, i, i+1)
	}
}

// wherePiece appends what a record says of a payload in an arena.
func wherePiece(dst []byte, at, size uint64) []byte {
	return binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(dst, at), size)
}

// pieceOf returns the memory of a piece that another process has named, if it lies in half.
func pieceOf(half []byte, at, size uint64) ([]byte, error) {
	if at > uint64(len(half)) || size > uint64(len(half))-at {
		return nil, fmt.Errorf("%w: a large payload lies outside of its memory", errCorrupt)
	}
	return half[at : at+size : at+size], nil
}
