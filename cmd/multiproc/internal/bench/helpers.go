package bench

import (
	"context"
	"errors"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench/helper"
)

// startHelpers starts helpers at once, each with one connection, and returns when every one has answered.
func startHelpers(ctx context.Context, kind helper.Kind, n int, answered func(*helper.Process) error) ([]*helper.Process, error) {
	type outcome struct {
		process *helper.Process
		err     error
	}
	outcomes := make(chan outcome, n)
	for range n {
		go func() {
			p, err := helper.Start(ctx, kind, 1, 0)
			if err == nil {
				err = answered(p)
			}
			outcomes <- outcome{p, err}
		}()
	}
	var started []*helper.Process
	var failures []error
	for range n {
		o := <-outcomes
		if o.process != nil {
			started = append(started, o.process)
		}
		failures = append(failures, o.err)
	}
	if err := errors.Join(failures...); err != nil {
		return nil, errors.Join(err, closeHelpers(started))
	}
	return started, nil
}

// closeHelpers has helpers end, all at once, and blocks until they have.
func closeHelpers(helpers []*helper.Process) error {
	ended := make(chan error, len(helpers))
	for _, p := range helpers {
		go func() { ended <- p.Close() }()
	}
	var failures []error
	for range helpers {
		failures = append(failures, <-ended)
	}
	return errors.Join(failures...)
}

// A starter starts helpers at once and returns when each has answered.
type starter func(ctx context.Context, n int) ([]*helper.Process, error)

// startRunner measures starts of one helper, n times.
func startRunner(n int, start starter) *runner { return helperPool(n, 1, true, start) }

// helperPool starts and stops so many helpers, n times, and measures the one or the other.
func helperPool(n, helpers int, starting bool, start starter) *runner {
	once := func(ctx context.Context) (float64, error) {
		var started []*helper.Process
		startTook, err := timed(func() (err error) {
			started, err = start(ctx, helpers)
			return err
		})
		if err != nil {
			return 0, err
		}
		stopTook, err := timed(func() error { return closeHelpers(started) })
		if starting {
			return startTook, err
		}
		return stopTook, err
	}
	return &runner{run: func(ctx context.Context) (float64, error) {
		return repeat(n, func() (float64, error) { return once(ctx) })
	}}
}

// memoryRunner measures the mean memory of so many helpers.
func memoryRunner(helpers int, start starter) *runner {
	return &runner{run: func(ctx context.Context) (float64, error) {
		started, err := start(ctx, helpers)
		if err != nil {
			return 0, err
		}
		var pids []int
		for _, p := range started {
			pids = append(pids, p.PID())
		}
		mean, err := proportionalMean(pids)
		return mean, errors.Join(err, closeHelpers(started))
	}}
}

// killRunner kills a helper n times; busy makes it work, and returns what blocks until its loss is known.
func killRunner(n int, start starter, busy func(*helper.Process) (noticed func() error, err error)) *runner {
	once := func(ctx context.Context) (float64, error) {
		started, err := start(ctx, 1)
		if err != nil {
			return 0, err
		}
		p := started[0]
		noticed, err := busy(p)
		if err != nil {
			return 0, errors.Join(err, p.Close())
		}
		took, err := timed(func() error { return errors.Join(p.Kill(), noticed()) })
		return took, errors.Join(err, p.Close())
	}
	return &runner{run: func(ctx context.Context) (float64, error) {
		return repeat(n, func() (float64, error) { return once(ctx) })
	}}
}
