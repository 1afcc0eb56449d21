package bench

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// waiting is a process that does nothing until it is asked to stop.
var waiting = spawn.RegisterNamed("multiproc.bench.wait", func(ctx context.Context, _ struct{}) error {
	<-spawn.Draining(ctx)
	return nil
})

func productStart(_ context.Context, _ *environment, n int) (*runner, error) {
	once := func(ctx context.Context) (float64, error) {
		began := time.Now()
		p, err := waiting.Start(ctx, struct{}{}, nil)
		took := time.Since(began).Seconds()
		if err != nil {
			return 0, err
		}
		return took, p.Shutdown(ctx)
	}
	return &runner{run: func(ctx context.Context) (float64, error) {
		return repeat(n, func() (float64, error) { return once(ctx) })
	}}, nil
}

// productPool starts pools of 8, has an answer of each worker at the same time, and stops them.
func productPool(starting bool) preparation {
	return func(_ context.Context, e *environment, n int) (*runner, error) {
		return &runner{run: func(ctx context.Context) (float64, error) {
			return repeat(n, func() (float64, error) {
				start, stop, err := startAndStop(ctx, e.count(poolWorkers))
				if starting {
					return start, err
				}
				return stop, err
			})
		}}, nil
	}
}

// productGrowingPool starts one pool of n workers.
func productGrowingPool(_ context.Context, e *environment, n int) (*runner, error) {
	return &runner{run: func(ctx context.Context) (float64, error) {
		start, _, err := startAndStop(ctx, e.count(n))
		return start, err
	}}, nil
}

func startAndStop(ctx context.Context, workers int) (start, stop float64, err error) {
	m, err := newMuster()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	p, err := pool.New(ctx, m.options(workers))
	if err != nil {
		m.close()
		return 0, 0, err
	}
	defer p.Close()
	defer m.close() // before that, so that nobody waits for it
	results := make([]*pool.AsyncResult[struct{}], workers)
	for i := range results {
		if results[i], err = standTask.ApplyAsync(ctx, p, struct{}{}); err != nil {
			return 0, 0, err
		}
	}
	if err := m.await(ctx, workers); err != nil {
		return 0, 0, err
	}
	if err := m.release(); err != nil {
		return 0, 0, err
	}
	for _, result := range results {
		if _, err := result.Get(ctx); err != nil {
			return 0, 0, err
		}
	}
	start = time.Since(began).Seconds()
	stop, err = timed(func() error { return p.Shutdown(ctx) })
	return start, stop, err
}

func productKill(ctx context.Context, _ *environment, n int) (*runner, error) {
	p, err := pool.New(ctx, &pool.Options{Workers: 2})
	if err != nil {
		return nil, err
	}
	return &runner{
		run: func(ctx context.Context) (float64, error) {
			return repeat(n, func() (float64, error) { return killOne(ctx, p) })
		},
		close: p.Close,
	}, nil
}

// killOne kills a worker in mid-task, and measures until its caller has the error.
func killOne(ctx context.Context, p *pool.Pool) (float64, error) {
	if err := allReady(ctx, p); err != nil { // the one that was killed before is replaced
		return 0, err
	}
	m, err := newMeeting(ctx)
	if err != nil {
		return 0, err
	}
	defer m.close()
	result, err := meetTask.ApplyAsync(ctx, p, m.address())
	if err != nil {
		return 0, err
	}
	pids, err := m.await(ctx, 1)
	if err != nil {
		return 0, err
	}
	var lost *pool.WorkerLostError
	return timed(func() error {
		if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
			return err
		}
		if _, err := result.Get(ctx); !errors.As(err, &lost) {
			return fmt.Errorf("the task of the killed worker ended with %w", err)
		}
		return nil
	})
}

func productMemory(_ context.Context, e *environment, _ int) (*runner, error) {
	return &runner{run: func(ctx context.Context) (float64, error) {
		p, err := pool.New(ctx, &pool.Options{Workers: e.count(idleWorkers)})
		if err != nil {
			return 0, err
		}
		defer p.Close()
		if err := allReady(ctx, p); err != nil {
			return 0, err
		}
		if _, err := doubleTask.Map(ctx, p, numbers(100)); err != nil {
			return 0, err
		}
		var pids []int
		for _, w := range p.Stats().Workers {
			pids = append(pids, w.PID)
		}
		return proportionalMean(pids)
	}}, nil
}
