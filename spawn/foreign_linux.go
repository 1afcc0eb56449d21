package spawn

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// closeForeign closes what a guardian has inherited through its program from whoever started that, and left open over
// exec: somebody may wait for the end of it. What the Go runtime has opened is of another kind.
func closeForeign() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // such descriptors stay open as long as the guardian lives
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= firstDescriptor {
			continue
		}
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && !strings.HasPrefix(target, "anon_inode:") {
			_ = unix.Close(fd) // the directory's own, too, which is closed already
		}
	}
}
