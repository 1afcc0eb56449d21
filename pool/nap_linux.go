package pool

import "golang.org/x/sys/unix"

// sleepNap blocks for napTime and what the kernel adds, mostly as much again. A timer would take a millisecond in a process that
// has nothing else to do: the runtime's poller counts in those, and a worker runs dry in that time.
func sleepNap() {
	nap := unix.NsecToTimespec(int64(napTime))
	_ = unix.Nanosleep(&nap, nil) // a signal makes it shorter
}
