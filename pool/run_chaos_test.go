package pool_test

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// killer shoots a random worker of the pool every 20 ms until stop is called.
func killer(t *testing.T, p *pool.Pool) (*atomic.Int64, func()) {
	kills := new(atomic.Int64)
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() { // ends when stop is called, which waits for it
		defer close(ended)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			balanced(t, p)
			workers := p.Stats().Workers
			if w := workers[rand.IntN(len(workers))]; w.PID != 0 && syscall.Kill(w.PID, syscall.SIGKILL) == nil {
				kills.Add(1)
			}
		}
	}()
	return kills, func() {
		close(quit)
		<-ended
	}
}

// While a killer shoots workers in the middle of runs, each task is begun once, and ends once: with the right result, or
// lost, of which there is at most one for each kill. Only what is lost may not have begun, when its worker died between
// the claim and the first line of the function.
func TestChaosWithinRuns(t *testing.T) {
	const n = 20_000
	wanted := int64(40)
	if testing.Short() {
		wanted = 8
	}
	p, memory := countingPool(t, n, &pool.Options{Workers: 4})
	kills, stop := killer(t, p)
	inputs := plain(n)
	lost, rounds := 0, 0
	for ; kills.Load() < wanted; rounds++ {
		for i := range n {
			begun(memory, i).Store(0)
		}
		gone := map[int]bool{}
		if _, err := deeds.Map(t.Context(), p, inputs); err != nil {
			var failed *pool.MapError
			if !errors.As(err, &failed) {
				t.Fatal(err)
			}
			for _, f := range failed.Failed {
				var lost *pool.WorkerLostError
				if !errors.As(f.Err, &lost) || gone[f.Index] {
					t.Fatal(f)
				}
				gone[f.Index] = true
			}
		}
		lost += len(gone)
		for i := range n {
			if times := begun(memory, i).Load(); times > 1 || times == 0 && !gone[i] {
				t.Fatalf("task %d was begun %d times", i, times)
			}
		}
	}
	stop()
	s := p.Stats()
	if s.Lost != uint64(lost) || s.Done+s.Lost != uint64(n*rounds) || s.Pending != 0 || int64(lost) > kills.Load() {
		t.Fatalf("%d lost by %d kills: %+v", lost, kills.Load(), s)
	}
	t.Logf("%d kills in %d rounds, %d tasks lost", kills.Load(), rounds, lost)
}
