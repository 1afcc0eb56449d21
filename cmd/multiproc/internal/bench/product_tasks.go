package bench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// Functions that multiproc's workers run.
var (
	doubleTask = pool.RegisterNamed("multiproc.bench.double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	echoTask   = pool.RegisterNamed("multiproc.bench.echo", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })
	meetTask   = pool.RegisterNamed("multiproc.bench.meet", meet)
	standTask  = pool.RegisterNamed("multiproc.bench.stand", stand)
)

// withPool makes a runner of a pool that is ready, and of what is to be done with it.
func withPool(ctx context.Context, o *pool.Options, do func(ctx context.Context, p *pool.Pool) error) (*runner, error) {
	p, err := pool.New(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := allReady(ctx, p); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &runner{
		run:   func(ctx context.Context) (float64, error) { return timed(func() error { return do(ctx, p) }) },
		close: p.Close,
	}, nil
}

// allReady blocks until no worker of the pool is starting any more.
func allReady(ctx context.Context, p *pool.Pool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		starting := false
		for _, w := range p.Stats().Workers {
			starting = starting || w.PID == 0 || w.State == pool.Starting
		}
		if !starting {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func productMap(ctx context.Context, _ *environment, n int) (*runner, error) {
	inputs := numbers(n)
	return withPool(ctx, &pool.Options{Workers: 2}, func(ctx context.Context, p *pool.Pool) error {
		return checkedMap(ctx, p, inputs)
	})
}

// productQueued is Map where all tasks may wait at once.
func productQueued(ctx context.Context, _ *environment, n int) (*runner, error) {
	inputs := numbers(n)
	return withPool(ctx, &pool.Options{Workers: 2, QueueTasks: n + 1, QueueBytes: 1 << 30},
		func(ctx context.Context, p *pool.Pool) error { return checkedMap(ctx, p, inputs) })
}

func checkedMap(ctx context.Context, p *pool.Pool, inputs []int) error {
	results, err := doubleTask.Map(ctx, p, inputs)
	if err != nil {
		return err
	}
	for i, result := range results {
		if result != 2*inputs[i] {
			return fmt.Errorf("result %d is %d", i, result)
		}
	}
	return nil
}

func numbers(n int) []int {
	inputs := make([]int, n)
	for i := range inputs {
		inputs[i] = i
	}
	return inputs
}

func productStream(workers int) preparation {
	return func(ctx context.Context, e *environment, n int) (*runner, error) {
		return withPool(ctx, &pool.Options{Workers: e.count(workers)}, func(ctx context.Context, p *pool.Pool) error {
			sum := 0
			for result, err := range doubleTask.IMapUnordered(ctx, p, upTo(n)).All() {
				if err != nil {
					return err
				}
				sum += result
			}
			return checkSum(sum, n)
		})
	}
}

func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// checkSum returns an error unless sum is that of the doubles of all numbers below n.
func checkSum(sum, n int) error {
	if sum != n*(n-1) {
		return fmt.Errorf("the results of %d tasks add up to %d", n, sum)
	}
	return nil
}

func productApply(ctx context.Context, _ *environment, n int) (*runner, error) {
	return withPool(ctx, &pool.Options{Workers: 1}, func(ctx context.Context, p *pool.Pool) error {
		for i := range n {
			result, err := doubleTask.Apply(ctx, p, i)
			if err != nil {
				return err
			}
			if result != 2*i {
				return fmt.Errorf("the result of %d is %d", i, result)
			}
		}
		return nil
	})
}

func productEcho(ctx context.Context, e *environment, n int) (*runner, error) {
	payloads := make([][]byte, n)
	for i := range payloads {
		payloads[i] = payload(e.size(largePayload))
	}
	return withPool(ctx, &pool.Options{Workers: 1}, func(ctx context.Context, p *pool.Pool) error {
		echoed, err := echoTask.Map(ctx, p, payloads)
		for i, b := range echoed {
			if err == nil && len(b) != len(payloads[i]) {
				return fmt.Errorf("payload %d came back with %d bytes", i, len(b))
			}
		}
		return err
	})
}

func productPayload(size int) preparation {
	return func(ctx context.Context, e *environment, n int) (*runner, error) {
		sent := payload(e.size(size))
		return withPool(ctx, &pool.Options{Workers: 1}, func(ctx context.Context, p *pool.Pool) error {
			for range n {
				b, err := echoTask.Apply(ctx, p, sent)
				if err != nil {
					return err
				}
				if len(b) != len(sent) {
					return fmt.Errorf("%d bytes came back as %d", len(sent), len(b))
				}
			}
			return nil
		})
	}
}

// payload returns bytes that are in memory: pages that were never written would be cheaper to read.
func payload(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// size is how large a payload is here.
func (e *environment) size(bytes int) int {
	if e.small {
		return min(bytes, 1<<12)
	}
	return bytes
}

// count is how many processes or sessions there are here.
func (e *environment) count(n int) int {
	if e.small {
		return min(n, 3)
	}
	return n
}
