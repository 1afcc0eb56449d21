package wire

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cannotPopulate is set when the system has refused to make memory resident: it is older than Linux 5.14, or it is forbidden.
var cannotPopulate atomic.Bool

var pageMask = uintptr(os.Getpagesize() - 1)

// isResident reports whether all of a block's pages are in memory already, or need not be made so.
func isResident(block []byte) bool {
	if cannotPopulate.Load() {
		return true
	}
	var pages [bulkBlock>>12 + 1]byte // one for each page, of which bit 0 counts
	at, size := pagesOf(block)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, at, size, uintptr(unsafe.Pointer(&pages[0])))
	if errno != 0 {
		cannotPopulate.Store(true)
		return true
	}
	for _, page := range pages[:(size+pageMask)/(pageMask+1)] {
		if page&1 == 0 {
			return false
		}
	}
	return true
}

// makeResident asks for the pages of memory that is about to be written whole.
func makeResident(step []byte) {
	at, size := pagesOf(step)
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, at, size, unix.MADV_POPULATE_WRITE)
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		cannotPopulate.Store(true)
	}
}

// pagesOf returns where the pages begin that hold a piece of memory, and how many bytes there are from there to its end.
func pagesOf(memory []byte) (at, size uintptr) {
	start := uintptr(unsafe.Pointer(&memory[0]))
	at = start &^ pageMask
	return at, start - at + uintptr(len(memory))
}
