package pool_test

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// While a killer shoots a random worker every 20 ms, each of 100,000 tasks ends exactly once: with the right
// result, or lost.
func TestChaos(t *testing.T) {
	tasks := 100_000
	if testing.Short() {
		tasks = 10_000
	}
	p := newPool(t, &pool.Options{Workers: 4})
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		kills := 0
		defer func() { stopped <- kills }()
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			balanced(t, p)
			workers := p.Stats().Workers
			if w := workers[rand.IntN(len(workers))]; w.PID != 0 && syscall.Kill(w.PID, syscall.SIGKILL) == nil {
				kills++
			}
		}
	}()
	seen := make([]int, tasks)
	lost := 0
	for r := range works.IMapUnordered(t.Context(), p, count(tasks)).Results() {
		seen[r.Index]++
		var gone *pool.WorkerLostError
		switch {
		case errors.As(r.Err, &gone):
			lost++
		case r.Err != nil || r.Value != r.Index+1:
			t.Fatalf("got %+v", r)
		}
	}
	close(stop)
	kills := <-stopped
	for i, n := range seen {
		if n != 1 {
			t.Fatalf("task %d ended %d times", i, n)
		}
	}
	s := p.Stats()
	if s.Done+s.Lost != uint64(tasks) || s.Lost != uint64(lost) || s.Pending != 0 || lost > kills {
		t.Fatalf("%d lost by %d kills: %+v", lost, kills, s)
	}
	t.Logf("%d kills, %d tasks lost", kills, lost)
}
