//go:build unix

package wire

import "syscall"

// writesDirectly says that writeOnce does something.
const writesDirectly = true

// writeOnce writes to a descriptor that does not block, and returns how many bytes that has taken.
func writeOnce(fd uintptr, p []byte) int {
	for {
		n, err := syscall.Write(int(fd), p)
		if err == syscall.EINTR {
			continue
		}
		return max(n, 0)
	}
}
