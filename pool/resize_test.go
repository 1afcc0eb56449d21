package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/multiproc-go/multiproc/pool"
)

// A pool grows while it runs; when it shrinks, what has begun is run to its end, and what was sent ahead by others.
func TestResize(t *testing.T) {
	p := newPool(t, &pool.Options{Name: "sized", Workers: 1})
	for _, n := range []int{3, 1, 2, 4, 1} {
		if err := p.Resize(n); err != nil {
			t.Fatal(err)
		}
		awaitStats(t, p, workerCount(n))
		if pids := workerPIDs(t, p, n); len(pids) != n {
			t.Fatal(pids)
		}
		hostedEventually(t, "so many processes are left", func() bool { return len(processesNamed(t, "sized-")) == n })
	}
	for _, n := range []int{0, -1, 1 << 20} {
		if err := p.Resize(n); err == nil {
			t.Errorf("%d workers are possible", n)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Resize(2); !errors.Is(err, pool.ErrClosed) {
		t.Error(err)
	}
}

func TestShrinkingLosesNothing(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 3})
	open := filepath.Join(t.TempDir(), "open")
	var running []*pool.AsyncResult[int]
	for range 3 {
		r, err := waitsFor.ApplyAsync(t.Context(), p, open)
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, r)
	}
	awaitStats(t, p, func(s pool.Stats) bool { return s.Waiting == 0 && len(s.Workers) == 3 })
	waiting, err := double.MapAsync(t.Context(), p, make([]int, 1000))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Resize(1); err != nil {
		t.Fatal(err)
	}
	leaving := 0
	for _, w := range p.Stats().Workers {
		if w.State == pool.Leaving {
			leaving++
		}
	}
	if leaving != 2 {
		t.Errorf("%d workers are leaving: %+v", leaving, p.Stats())
	}
	if err := os.WriteFile(open, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range running {
		if _, err := get(t, r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := get(t, waiting); err != nil {
		t.Fatal(err)
	}
	awaitStats(t, p, workerCount(1))
	if s := p.Stats(); s.Done != 1003 {
		t.Fatalf("%+v", s)
	}
}

func TestHostedResize(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 1})
	for _, n := range []int{3, 1} {
		if err := h.Resize(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		hostedEventually(t, "the pool has so many workers", func() bool { return len(hostedStats(t, h).Workers) == n })
	}
	if err := h.Resize(t.Context(), 0); err == nil {
		t.Error("no workers are possible")
	}
}

func ExamplePool_Resize() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(p.Resize(1)) // leave the machine to others
	fmt.Println(countWords.Apply(ctx, p, "it runs with one worker as well"))
	fmt.Println(p.Resize(0))
	// Output:
	// <nil>
	// 7 <nil>
	// pool: cannot resize to 0 workers; at least 1 are kept
}
