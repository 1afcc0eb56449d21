package finalize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// ErrStillRunning reports a ladder whose target had not ended after the last
// rung.
var ErrStillRunning = errors.New("process is still running")

// DefaultGrace is how long a ladder waits on a rung, if its field is zero.
const DefaultGrace = time.Second

// DefaultKillGrace is how long a ladder waits for a target that it has sent
// SIGKILL to, if its field is zero. Only the kernel can make that slow.
const DefaultKillGrace = 5 * time.Second

// A Ladder ends a process with no more force than it takes: it asks, interrupts,
// terminates and at last kills, and on each rung gives the process a grace period
// to end. The zero value sends SIGINT, SIGTERM and SIGKILL with the default
// periods. A Ladder is not changed by its use and may be used concurrently.
type Ladder struct {
	// Ask asks the process to end in a way that it understands, and may wait
	// for its answer; returning nil does not mean that the process has ended.
	// It should return when its context ends, at the end of AskGrace at the
	// latest. An error leads to the next rung at once. A nil Ask skips the rung.
	Ask func(context.Context) error

	// How long to wait on each rung before the next one. Zero is DefaultGrace
	// (DefaultKillGrace for KillGrace); a negative period skips the rung.
	AskGrace       time.Duration
	InterruptGrace time.Duration // after SIGINT
	TerminateGrace time.Duration // after SIGTERM
	KillGrace      time.Duration // after SIGKILL
}

// DefaultLadder returns the ladder that the zero value stands for, with its
// periods written out.
func DefaultLadder() Ladder {
	return Ladder{
		AskGrace:       DefaultGrace,
		InterruptGrace: DefaultGrace,
		TerminateGrace: DefaultGrace,
		KillGrace:      DefaultKillGrace,
	}
}

// A Rung is a step of a [Ladder].
type Rung int

// The rungs, from the lowest.
const (
	None      Rung = iota // the process had ended before anything was done
	Ask                   // it was asked
	Interrupt             // SIGINT
	Terminate             // SIGTERM
	Kill                  // SIGKILL
)

// String returns the rung's name in lower case.
func (r Rung) String() string {
	switch r {
	case None:
		return "none"
	case Ask:
		return "ask"
	case Interrupt:
		return "interrupt"
	case Terminate:
		return "terminate"
	case Kill:
		return "kill"
	}
	return fmt.Sprintf("Rung(%d)", int(r))
}

// A Report says what it took to end a process.
type Report struct {
	Rung Rung          // the highest rung that was tried
	Took time.Duration // from the start of the ladder until the process ended
	Err  error         // what failed on the way, joined: Ask, or sending a signal
}

// Run ends the target. It blocks until the target's Done is closed or the last
// rung's period is over, in which case the error is [ErrStillRunning], joined with
// whatever failed on the way. A nil error means that the target has ended; what
// failed on the way is then in the report alone.
//
// A ctx that ends does not leave the target behind: it cuts all periods short, so
// that the ladder goes to SIGKILL at once (if that rung is not skipped) and waits
// for KillGrace at most. Neither does an Ask that hangs: it is left running, which
// the report tells by [ErrAbandoned].
func (l Ladder) Run(ctx context.Context, t Target) (Report, error) {
	c := climb{target: t, began: time.Now()}
	for _, s := range l.steps() {
		if c.ended() {
			break
		}
		if ctx.Err() != nil && s.rung != Kill {
			continue
		}
		c.report.Rung = s.rung
		s.take(ctx, &c)
	}
	c.report.Took = time.Since(c.began)
	if c.ended() {
		return c.report, nil
	}
	return c.report, errors.Join(
		fmt.Errorf("%w after %s, last rung: %s", ErrStillRunning, c.report.Took, c.report.Rung),
		c.report.Err, context.Cause(ctx))
}

// climb is one run of a ladder.
type climb struct {
	target Target
	began  time.Time
	report Report
}

func (c *climb) ended() bool {
	select {
	case <-c.target.Done():
		return true
	default:
		return false
	}
}

// failed notes an error of a rung, except that a process which is gone cannot be
// signalled: its Done is about to be closed.
func (c *climb) failed(rung Rung, err error) bool {
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		return false
	}
	c.report.Err = errors.Join(c.report.Err, fmt.Errorf("%s: %w", rung, err))
	return true
}

// step is one rung with what it does.
type step struct {
	rung   Rung
	grace  time.Duration
	ask    func(context.Context) error // of the rung Ask
	signal os.Signal                   // of the others
}

// steps returns the rungs that are not skipped.
func (l Ladder) steps() []step {
	all := []step{
		{rung: Ask, grace: l.AskGrace, ask: l.Ask},
		{rung: Interrupt, grace: l.InterruptGrace, signal: os.Interrupt},
		{rung: Terminate, grace: l.TerminateGrace, signal: syscall.SIGTERM},
		{rung: Kill, grace: l.KillGrace, signal: os.Kill},
	}
	steps := all[:0]
	for _, s := range all {
		if s.grace < 0 || s.rung == Ask && s.ask == nil {
			continue
		}
		if s.grace == 0 {
			s.grace = DefaultGrace
			if s.rung == Kill {
				s.grace = DefaultKillGrace
			}
		}
		steps = append(steps, s)
	}
	return steps
}

// take does what the rung does and waits for the target to end. It returns early
// when the rung failed, or, except after SIGKILL, when ctx ends.
func (s step) take(ctx context.Context, c *climb) {
	if s.rung == Kill {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, s.grace)
	defer cancel()
	if s.rung == Ask {
		s.takeAsk(ctx, cancel, c)
		return
	}
	if c.failed(s.rung, c.target.Signal(s.signal)) {
		return
	}
	select {
	case <-c.target.Done():
	case <-ctx.Done():
	}
}

// takeAsk waits for the target while Ask runs, and for Ask, as long as it takes an
// orderly one to return after its context has ended.
func (s step) takeAsk(ctx context.Context, cancel context.CancelFunc, c *climb) {
	outcome := start(ctx, s.ask)
	select {
	case err := <-outcome:
		if c.failed(Ask, err) {
			return
		}
		select {
		case <-c.target.Done():
		case <-ctx.Done():
		}
		return
	case <-c.target.Done():
	case <-ctx.Done():
	}
	ended := c.ended()
	cancel()
	err, came := await(ctx, outcome)
	switch {
	case !came:
		c.failed(Ask, abandoned(ctx))
	case !ended: // else a cancelled Ask is no failure
		c.failed(Ask, err)
	}
}
