package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench"
	"github.com/multiproc-go/multiproc/spawn"
)

// benchGrace is how long the process that measures has to end what it has started, when it is asked to stop.
const benchGrace = 3 * time.Second

// benchmark is the process that measures. What it has started ends with it, whatever it is: other programs too.
var benchmark = spawn.RegisterNamed("multiproc.bench", func(ctx context.Context, o bench.Options) error {
	err := bench.Run(ctx, &o, os.Stdout, os.Stderr)
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "multiproc bench: %v\n", err)
	}
	return exitStatus(exitFailed)
})

type benchFlags struct {
	Names   []string `arg:"" optional:"" name:"names" help:"What to measure: workloads or groups of them (default: goals)."`
	JSON    string   `name:"json" placeholder:"FILE" help:"Write the results to FILE: an array of objects with workload, system, unit, median, min, max and runs."`
	Report  string   `placeholder:"FILE" help:"Write the results with a description of the machine to FILE, as Markdown. What FILE has below the heading Remarks is kept."`
	Against []string `placeholder:"PEER" default:"${peers}" help:"Compare with these peers (default: ${peers}). Those that are not at hand are left out, with a message."`
	Runs    whole    `placeholder:"N" default:"5" help:"Have each system do each workload N times (default: 5)."`
	Scale   factor   `placeholder:"F" default:"1" help:"Do F times the operations in each run (default: 1), for a quick look."`
}

// Help is shown below the flags.
func (*benchFlags) Help() string {
	return `Names:

  ` + strings.Join(bench.Names()[:3], ", ") + `
` + bench.Describe() + `
A name with sizes after it stands for all of them, and with one of them, as in
sessions-10, for that alone. These show how multiproc's own costs grow.

Each of the others is done by multiproc, by what limits it on this machine (a raw
socket between processes, a bare re-exec of this binary, a channel, mutex or
copy within one process) and by the peers: python3 (CPython's multiprocessing,
whose processes are started by fork), netrpc (net/rpc between processes) and pond
(goroutines; its program is built from multiproc's repository). They take turns, and the first turn is not counted.

The last column says how many times better multiproc is than the system of the
row, by the medians: 4.0× is four times as fast, or a fourth of the memory.

Exit status: 0 when all was measured that is at hand, 1 when anything failed, 2
for wrong usage, 130 after SIGINT, 143 after SIGTERM.`
}

// options returns what the flags say, or everything that is wrong with them.
func (f *benchFlags) options() (*bench.Options, error) {
	o := &bench.Options{
		Names: f.Names, Against: f.Against, Runs: int(f.Runs), Scale: float64(f.Scale), JSON: f.JSON, Report: f.Report,
	}
	return o, o.Validate()
}

// runBench has another process measure, and ends it with all that it has started at the first signal.
func runBench(ctx context.Context, o *bench.Options) error {
	temporary, err := bench.NewTemporary()
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	o.Temporary = temporary
	p, err := benchmark.Start(ctx, *o, &spawn.Options{Name: "multiproc-bench", Grace: benchGrace, Stdout: os.Stdout, Stderr: os.Stderr})
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-spawn.Draining(ctx):
		err := p.Shutdown(ctx)
		<-p.Swept()
		if err != nil {
			fmt.Fprintf(os.Stderr, "multiproc bench: interrupted: %v\n", err)
		}
		return context.Canceled // spawn knows which signal it was
	}
	<-p.Swept()
	var ended *spawn.ExitError
	if err := p.Wait(ctx); errors.As(err, &ended) && ended.Code == exitFailed {
		return exitStatus(exitFailed) // it has said why
	} else if err != nil {
		return err
	}
	return nil
}
