package spawn

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalName is the name that kill -l lists.
func signalName(signal syscall.Signal) string {
	if name := unix.SignalName(signal); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(signal))
}
