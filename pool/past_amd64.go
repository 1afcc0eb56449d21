//go:build !race && !msan && !asan

package pool

import "unsafe"

// lineSize is how many bytes a cache line has.
const lineSize = 64

// copyPast is copy to memory that is in no cache, and writes past the caches: what is overwritten need not be read for that, which
// takes half of the time. Who reads it soon takes a little longer then.
func copyPast(dst, src []byte) {
	src = src[:min(len(src), len(dst))]
	n := 0
	if len(src) >= 2*lineSize {
		n = copy(dst, src[:-uintptr(unsafe.Pointer(&dst[0]))%lineSize])
		lines := (len(src) - n) / lineSize
		copyLines(&dst[n], &src[n], uintptr(lines))
		n += lines * lineSize
	}
	copy(dst[n:], src[n:])
}

// copyLines copies lines, one at least, to where such a line begins. What it has written is there for other processors before
// whatever is written later.
//
//go:noescape
func copyLines(dst, src *byte, lines uintptr)
