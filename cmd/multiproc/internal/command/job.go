package command

import (
	"time"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/spool"
)

// A Job is one command to run, as it travels to a worker.
type Job struct {
	Arguments []string      // the program first; at least one
	Timeout   time.Duration // 0 for none

	// Where output goes that is too large to be carried in the report. Each is
	// an empty file of the parent's.
	Stdout, Stderr spool.Handle
}

// A Report is what became of a Job whose worker lived to tell.
type Report struct {
	Started  time.Time     // when the command was started
	Took     time.Duration // until it had exited and its output had ended
	Exit     int           // exit status as a shell has it, 128+n for signal n; -1 when TimedOut
	Signal   int           // the signal that ended it, or 0
	TimedOut bool          // it was killed because its time was up
	CutOff   bool          // it succeeded, and what it left in the background may have had more to write
	Fault    string        // why it could not be run, or its output not be kept; else empty

	Stdout, Stderr Output
}

// Succeeded reports whether the command ran to its end with exit status 0.
func (r *Report) Succeeded() bool { return r.Exit == 0 && !r.TimedOut && r.Fault == "" }

// Output is what a command has written to one stream: all of it is either in
// Inline or in the file that the job named.
type Output struct {
	Inline  []byte
	Spooled bool
	Size    int64 // in bytes
}

// The exit statuses of a shell for a command that cannot be run.
const (
	ExitNotRunnable = 126
	ExitNotFound    = 127
)
