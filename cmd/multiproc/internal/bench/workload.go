package bench

import (
	"context"
	"fmt"
)

// Names of systems. A variant of a peer begins with the peer's name and a blank.
const (
	product = "multiproc"

	python3 = "python3"
	netrpc  = "netrpc"
	pond    = "pond"
)

// Peers are the systems that Options.Against can name.
func Peers() []string { return []string{python3, netrpc, pond} }

// A Workload is something that several systems can do.
type Workload struct {
	Name  string
	About string // what is done, for people
	Unit  Unit

	n       int // how many operations a run has, before scaling
	systems []system
}

// A Unit is what a workload's figures are in.
type Unit struct {
	Name         string
	HigherBetter bool

	of func(measured float64, n int) float64 // from seconds for n operations, or bytes, or whatever was measured
}

// A system is one way to do a workload.
type system struct {
	name  string
	peer  string // the peer that it belongs to; empty for the product and for limits
	times int    // so many times the workload's operations, for what is fast; 0 means 1

	prepare preparation
}

// A preparation makes a system ready to do n operations a run.
type preparation func(ctx context.Context, e *environment, n int) (*runner, error)

// A runner is a system that is ready for a workload.
type runner struct {
	run   func(context.Context) (float64, error) // does it once, and returns what was measured
	close func() error                           // may be nil
}

// environment is what systems are prepared in.
type environment struct {
	python pythonHome
	pond   pondHome
	small  bool // payloads and numbers of processes are to be small ones, as in tests
}

// An absentError says that a peer is not at hand here, and why.
type absentError struct {
	peer   string
	reason string
}

func (e *absentError) Error() string { return fmt.Sprintf("%s is left out: %s", e.peer, e.reason) }

// Units.
var (
	microseconds = Unit{Name: "µs", of: func(seconds float64, n int) float64 { return seconds / float64(n) * 1e6 }}
	milliseconds = Unit{Name: "ms", of: func(seconds float64, n int) float64 { return seconds / float64(n) * 1e3 }}
	thousands    = Unit{Name: "k/s", HigherBetter: true, of: func(seconds float64, n int) float64 { return float64(n) / seconds / 1e3 }}
	mebibytes    = Unit{Name: "MiB", of: func(bytes float64, _ int) float64 { return bytes / (1 << 20) }}
	gigabytes    = perSecond(largePayload)
)

// perSecond is for payloads of that many bytes that go out and come back.
func perSecond(payload int) Unit {
	return Unit{Name: "GB/s", HigherBetter: true, of: func(seconds float64, n int) float64 {
		return 2 * float64(payload) * float64(n) / seconds / 1e9
	}}
}

// Sizes that are part of workloads.
const (
	smallMessage = 32      // bytes
	largePayload = 1 << 20 // bytes
	callers      = 8
	poolWorkers  = 8
	idleWorkers  = 4
	inFlight     = 64
)
