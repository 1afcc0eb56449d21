package pool_test

import (
	"sync"
	"testing"

	"github.com/multiproc-go/multiproc/pool"
)

// A worker whose tasks have ended their goroutines goes on with the same process, and leaves in good order.
func TestWorkerLeavesInOrderAfterGoexit(t *testing.T) {
	var mu sync.Mutex
	var exits []pool.WorkerEvent
	p := newPool(t, &pool.Options{Workers: 1, OnWorker: func(e pool.WorkerEvent) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == pool.WorkerExited {
			exits = append(exits, e)
		}
	}})
	for range 3 {
		if _, err := goexits.Apply(t.Context(), p, 0); err == nil {
			t.Fatal("a task that ended its goroutine had a result")
		}
		if got, err := double.Apply(t.Context(), p, 4); err != nil || got != 8 {
			t.Fatal(got, err)
		}
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(exits) != 1 || exits[0].Cause != pool.ExitShutdown || exits[0].ExitCode != 0 || exits[0].Tasks != 6 {
		t.Errorf("%+v", exits)
	}
}
