package spawn

import (
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/finalize"
)

const (
	// crashSize is how much of the beginning of a crash is kept, in bytes.
	crashSize = 64 << 10

	// drainLimit is how long the exit of a child waits for a writer of its output that blocks.
	drainLimit = 100 * time.Millisecond

	// unknownStatus neither exited nor was signalled. It stands for that of a child that somebody else has reaped.
	unknownStatus = syscall.WaitStatus(0x7f)

	// killGrace is how long SIGKILL may take. It takes effect at once, unless the kernel is busy with the process.
	killGrace = 5 * time.Second
)

// watch is the goroutine of a Process: it waits for the exit, collects what is to be known of it, and lets go of
// everything that was held for the child. It ends after the child's tree was swept.
func (p *Process) watch() {
	// The child cannot be reaped by anybody else, so the pid is its own here.
	p.identity, _ = finalize.Identify(p.pid)
	guard.add(p)
	close(p.identified)
	if p.status, p.waitErr = p.reaper.wait(); p.waitErr != nil {
		p.status = unknownStatus
	}
	_ = p.lifeline.Close() // nobody reads it any more
	for _, pump := range p.stdio.pumps {
		pump.childExited()
	}
	p.crashOutput = p.readCrash()
	p.drain()
	guard.remove(p)
	children.remove(p)
	if p.expected.Swap(true) {
		sweeps.expected.Add(-1)
	}
	close(p.done)
	p.closeKnocks()
	sweeps.sweep(p)
	p.stdio.discard()
}

// drain waits until the last words of the child are in the tail of its stderr.
func (p *Process) drain() {
	timer := time.NewTimer(drainLimit)
	defer timer.Stop()
	for _, pump := range p.stdio.pumps {
		select {
		case <-pump.drained:
		case <-timer.C:
			return
		}
	}
}

// readCrash reads the memory file and closes it.
func (p *Process) readCrash() string {
	if p.crash < 0 {
		return ""
	}
	defer unix.Close(p.crash)
	if p.status.Exited() && p.status.ExitStatus() == 0 {
		return ""
	}
	var stat unix.Stat_t
	if err := unix.Fstat(p.crash, &stat); err != nil || stat.Size == 0 {
		return ""
	}
	text := make([]byte, min(stat.Size, crashSize))
	n, err := unix.Pread(p.crash, text, 0)
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(text[:n]), "\uFFFD")
}
