package finalize

import (
	"fmt"
	"syscall"
)

// An Identity is a process beyond the reuse of its pid: no two processes of one
// boot of the machine have the same, except if the kernel gives a pid away twice
// within one clock tick (10 ms). The zero value is no process.
type Identity struct {
	PID   int
	Start uint64 // start time in clock ticks since boot, as field 22 of /proc/PID/stat; 0 where there is no /proc
}

// Identify returns the identity of the process that has the pid now. A zombie has
// one until it is reaped. If there is no such process, the error wraps
// [os.ErrProcessDone]. It does not block. That the pid is not another process's
// already is for the caller to know: a child of its own keeps it until it is reaped.
func Identify(pid int) (Identity, error) { return identify(pid) }

// Alive reports whether the process exists and has not ended; a zombie has. It
// does not block.
func (id Identity) Alive() bool { return alive(id) }

// Signal sends a signal to the process, and to no other one: it opens a pidfd,
// verifies that this is the process meant, and signals through the pidfd. (Where
// the kernel has no pidfd, before Linux 5.3, it verifies directly before the kill;
// without /proc it cannot verify.) It returns [os.ErrProcessDone] if the process has
// ended, a zombie included, and a *os.SyscallError that wraps the errno if the
// signal was refused. It does not block.
func (id Identity) Signal(sig syscall.Signal) error { return sendSignal(id, sig) }

// String returns the identity as "pid 12 (started at tick 345)".
func (id Identity) String() string {
	return fmt.Sprintf("pid %d (started at tick %d)", id.PID, id.Start)
}
