package pool_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// A worker that is old is replaced when its successor is ready.
func ExampleOptions_maxAge() {
	ctx := context.Background()
	left := make(chan pool.WorkerEvent, 1)
	p, err := pool.New(ctx, &pool.Options{Workers: 1, MaxAge: 50 * time.Millisecond, OnWorker: func(e pool.WorkerEvent) {
		if e.Kind == pool.WorkerExited {
			select {
			case left <- e:
			default: // one is enough
			}
		}
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	fmt.Println((<-left).Cause)
	fmt.Println(countWords.Apply(ctx, p, "another one counts these"))
	// Output:
	// age
	// 4 <nil>
}

// Workers that have nothing to do leave, and are there again when they are needed.
func ExampleOptions_idleTimeout() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 2, MinWorkers: 1, IdleTimeout: 10 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	for len(p.Stats().Workers) > 1 {
		<-time.After(time.Millisecond)
	}
	fmt.Println(countWords.Map(ctx, p, []string{"one", "one two", "one two three"}))
	// Output: [1 2 3] <nil>
}

// A spare has been started before a worker dies whose place it takes.
func ExampleOptions_spares() {
	ctx := context.Background()
	spares := make(chan pool.WorkerEvent, 4)
	p, err := pool.New(ctx, &pool.Options{Workers: 1, Spares: 1, OnWorker: func(e pool.WorkerEvent) {
		if e.Kind == pool.WorkerSpare || e.Kind == pool.WorkerReady && e.Name == "pool-spare-1" {
			spares <- e
		}
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	waiting := <-spares
	_, err = crash.Apply(ctx, p, 0)
	ready := <-spares
	fmt.Println(err != nil, ready.Kind, ready.Worker, ready.PID == waiting.PID)
	// Output: true ready 1 true
}

// A task that was run again, in vain, tells how often; its last error is found in that.
func ExampleRetryError() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	persistent := lookUp.WithRetry(pool.Retry{Attempts: 3, Initial: time.Millisecond, On: []pool.Outcome{pool.Failed}})
	_, err = persistent.Apply(ctx, p, "nobody")
	var again *pool.RetryError
	fmt.Println(errors.As(err, &again), again.Attempts, errors.Is(err, errUnknown))
	// Output: true 3 true
}
