package wire

import (
	"strings"
	"unsafe"
)

const (
	bulkLeast = 128 << 10 // bytes that are copied by bulkClone, at least
	bulkBlock = 2 << 20   // of a copy, of which is asked at once whether it is in memory
	bulkStep  = 64 << 10  // of a copy, made at once: what the system has just cleared for it is in a cache then
)

// CloneBytes copies bytes as decoding them does: the fastest way for many of them. A copy of none is empty, and not nil.
func CloneBytes(b []byte) []byte {
	switch {
	case len(b) == 0:
		return []byte{}
	case len(b) < bulkLeast:
		return append([]byte(nil), b...) // which is not cleared first
	}
	return bulkClone(b)
}

// bulkClone copies many bytes. Where the runtime puts the copy into memory that the system has yet to give, it is asked for in
// steps: a fault for each page takes several times as long as the copy.
func bulkClone(view []byte) []byte {
	var room strings.Builder // whose memory is not cleared
	room.Grow(len(view))
	room.WriteByte(view[0])
	made := unsafe.Slice(unsafe.StringData(room.String()), len(view)) // and nobody else's
	for len(view) > 0 {
		n := min(bulkBlock, len(view))
		copyBlock(made[len(made)-len(view):][:n], view[:n])
		view = view[n:]
	}
	return made
}

func copyBlock(dst, src []byte) {
	if isResident(dst) {
		copy(dst, src)
		return
	}
	for len(src) > 0 {
		n := min(bulkStep, len(src))
		makeResident(dst[:n])
		copy(dst, src[:n])
		dst, src = dst[n:], src[n:]
	}
}
