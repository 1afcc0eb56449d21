package finalize

import "time"

// Usage is what a process uses of the machine, as the system keeps count.
type Usage struct {
	Resident  uint64        // bytes of memory that are in RAM; pages that are shared with others count in full
	Processor time.Duration // processor time so far, user and system, of all threads
}

// Usage returns what a process uses. The error wraps os.ErrProcessDone when the process is gone. It does not block.
func (id Identity) Usage() (Usage, error) { return usage(id) }
