package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench/helper"
)

// socketCalls sends small messages to another process and back, over so many connections at once.
func socketCalls(connections int) preparation {
	return func(ctx context.Context, _ *environment, n int) (*runner, error) {
		p, err := helper.Start(ctx, helper.Echo, connections, smallMessage)
		if err != nil {
			return nil, err
		}
		return &runner{
			run: func(context.Context) (float64, error) {
				return split(n, connections, func(i, operations int) error {
					return pingPong(p.Connections[i], operations)
				})
			},
			close: p.Close,
		}, nil
	}
}

func pingPong(conn net.Conn, times int) error {
	message := make([]byte, smallMessage)
	for range times {
		if _, err := conn.Write(message); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, message); err != nil {
			return err
		}
	}
	return nil
}

// socketEcho writes large payloads to another process, and reads them back at the same time.
func socketEcho(ctx context.Context, e *environment, n int) (*runner, error) {
	p, err := helper.Start(ctx, helper.Echo, 1, e.size(largePayload))
	if err != nil {
		return nil, err
	}
	conn, sent := p.Connections[0], payload(e.size(largePayload))
	received := make([]byte, len(sent))
	run := func(context.Context) (float64, error) {
		return timed(func() error {
			written := make(chan error, 1)
			go func() {
				var err error
				for i := 0; i < n && err == nil; i++ {
					_, err = conn.Write(sent)
				}
				written <- err
			}()
			for range n {
				if _, err := io.ReadFull(conn, received); err != nil {
					return errors.Join(err, conn.Close(), <-written)
				}
			}
			return <-written
		})
	}
	return &runner{run: run, close: p.Close}, nil
}

// copyEcho copies payloads in memory, to new buffers and back, as a receiver has to who keeps them.
func copyEcho(_ context.Context, e *environment, n int) (*runner, error) {
	sent := make([][]byte, n)
	for i := range sent {
		sent[i] = payload(e.size(largePayload))
	}
	there, back := payload(e.size(largePayload)), payload(e.size(largePayload))
	return &runner{run: func(context.Context) (float64, error) {
		return timed(func() error {
			for _, b := range sent {
				copy(there, b)
				copy(back, there)
			}
			return nil
		})
	}}, nil
}

// channelMap has two goroutines double numbers that they get by a channel, a part at a time.
func channelMap(_ context.Context, _ *environment, n int) (*runner, error) {
	const part = 1000
	inputs, results := numbers(n), make([]int, n)
	return &runner{run: func(context.Context) (float64, error) {
		return timed(func() error {
			parts := make(chan int)
			var workers sync.WaitGroup
			for range 2 {
				workers.Go(func() {
					for from := range parts {
						for i := from; i < min(from+part, n); i++ {
							results[i] = 2 * inputs[i]
						}
					}
				})
			}
			for from := 0; from < n; from += part {
				parts <- from
			}
			close(parts)
			workers.Wait()
			return nil
		})
	}}, nil
}

// channelStream has two goroutines double numbers that they get by a channel, one by one.
func channelStream(_ context.Context, _ *environment, n int) (*runner, error) {
	return &runner{run: func(context.Context) (float64, error) {
		return timed(func() error {
			inputs := make(chan int, inFlight)
			var sum atomic.Int64
			var workers sync.WaitGroup
			for range 2 {
				workers.Go(func() {
					for input := range inputs {
						sum.Add(2 * int64(input))
					}
				})
			}
			for input := range n {
				inputs <- input
			}
			close(inputs)
			workers.Wait()
			return checkSum(int(sum.Load()), n)
		})
	}}, nil
}

func mutexLock(_ context.Context, _ *environment, n int) (*runner, error) {
	return mutexRunner(n, 1), nil
}

func mutexContended(_ context.Context, _ *environment, n int) (*runner, error) {
	return mutexRunner(n, 2), nil
}

// mutexRunner has goroutines of this process take a sync.Mutex.
func mutexRunner(n, goroutines int) *runner {
	var mu sync.Mutex
	count := 0
	return &runner{run: func(context.Context) (float64, error) {
		return split(n, goroutines, func(_, operations int) error {
			for range operations {
				mu.Lock()
				count++
				mu.Unlock()
			}
			return nil
		})
	}}
}

// startBare starts bare processes at once, and returns when each has said that it runs.
func startBare(ctx context.Context, n int) ([]*helper.Process, error) {
	return startHelpers(ctx, helper.Bare, n, func(p *helper.Process) error {
		_, err := io.ReadFull(p.Connections[0], make([]byte, 1))
		return err
	})
}

func bareStart(_ context.Context, _ *environment, n int) (*runner, error) {
	return startRunner(n, startBare), nil
}

func barePool(starting bool) preparation {
	return func(_ context.Context, e *environment, n int) (*runner, error) {
		return helperPool(n, e.count(poolWorkers), starting, startBare), nil
	}
}

func bareMemory(_ context.Context, e *environment, _ int) (*runner, error) {
	return memoryRunner(e.count(idleWorkers), startBare), nil
}

// bareKill measures until the connection of a killed process is at its end.
func bareKill(_ context.Context, _ *environment, n int) (*runner, error) {
	return killRunner(n, startBare, func(p *helper.Process) (func() error, error) {
		return func() error {
			if _, err := p.Connections[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				return fmt.Errorf("the connection of the killed process ended with %w", err)
			}
			return nil
		}, nil
	}), nil
}
