package pool

import "time"

// The clock of deadlines is one that the link and its worker share. Reading it by a system call is slow, so
// each process does that once and goes on from there.
var (
	clockStart = time.Now()
	clockBase  = monotonic()
)

// clock returns monotonic nanoseconds, comparable between the processes of a machine.
func clock() int64 { return clockBase + int64(time.Since(clockStart)) }
