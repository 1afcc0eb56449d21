package spawn

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// setProcessName sets the name that ps -o comm shows, of which the kernel keeps 15 bytes. It must be called on the
// main thread, where packages initialise.
func setProcessName(name string) {
	text, err := unix.BytePtrFromString(name)
	if err != nil {
		return // a NUL cannot come out of argv
	}
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(text)), 0, 0, 0)
}
