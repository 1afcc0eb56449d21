package pool_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
)

// A manager's messages may be far smaller than what its pools take otherwise.
func TestHostedSmallMessages(t *testing.T) {
	const largest = 64 << 10
	m := must(manager.Start(t.Context(), &manager.Options{MaxMessage: largest}))
	defer m.Close()
	h := newHosted(t, m, &pool.Options{Workers: 2})
	other := must(h.Clone())
	defer other.Close()
	pending := must(sleeps.ApplyAsync(t.Context(), other, 500*time.Millisecond))

	if _, err := echo.Apply(t.Context(), h, make([]byte, 2*largest)); !errors.Is(err, pool.ErrTaskTooLarge) {
		t.Errorf("a large argument: %v", err)
	}
	if _, err := grows.Apply(t.Context(), h, 2*largest); !errors.Is(err, pool.ErrTaskTooLarge) {
		t.Errorf("a large result: %v", err)
	}
	var remote *pool.RemoteError
	if _, err := fails.Apply(t.Context(), h, strings.Repeat("long ", largest/7)); !errors.Is(err, errSentinel) || !errors.As(err, &remote) {
		t.Errorf("a long error: %v", err)
	}
	inputs := make([]int, 20)
	for i := range inputs {
		inputs[i] = largest / 2
	}
	inputs[7] = 2 * largest
	results, err := grows.Map(t.Context(), h, inputs) // each answer fills a message
	var failed *pool.MapError
	if !errors.As(err, &failed) || len(failed.Failed) != 1 || failed.Failed[0].Index != 7 || len(results[19]) != largest/2 {
		t.Errorf("a map of large results: %v", err)
	}
	if got, err := echo.Map(t.Context(), h, results); !errors.As(err, &failed) && err != nil || len(got) != 20 {
		t.Errorf("a map of large arguments: %v", err)
	}
	shared := must(grows.IMapShared(t.Context(), h, inputs))
	defer shared.Close()
	for i := range inputs {
		if r, err := shared.Next(t.Context()); err != nil || r.Index != i || errors.Is(r.Err, pool.ErrTaskTooLarge) != (i == 7) {
			t.Errorf("shared result %d: %v, %v", r.Index, r.Err, err)
		}
	}
	if _, err := pending.Get(t.Context()); err != nil {
		t.Errorf("another's task: %v", err)
	}
}

// grows returns as many bytes as it is told.
var grows = pool.RegisterNamed("test.grows", func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil })

// What waits for a client that takes nothing is bounded, and its tasks are in nobody's way.
func TestHostedResultsWaitBounded(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 1, ResultBytes: 4 << 20, QueueTasks: 128})
	stuck := must(h.Clone())
	defer stuck.Close()
	stall := pool.StopTaking(stuck)
	results := must(grows.MapAsync(t.Context(), stuck, slicesOf(100, 1<<20)))
	hostedEventually(t, "the results that nobody takes stop the tasks", func() bool {
		s := hostedStats(t, h)
		return s.Done > 3 && s.Pending > 0 && s.Waiting == 0 && s.Workers[0].State == pool.Idle
	})
	if done := hostedStats(t, h).Done; done > 50 {
		t.Errorf("%d results of 1 MiB wait", done)
	}
	if got, err := double.Apply(t.Context(), h, 4); got != 8 || err != nil {
		t.Errorf("another's task: %d, %v", got, err)
	}
	stall()
	if got, err := results.Get(t.Context()); err != nil || len(got) != 100 || len(got[99]) != 1<<20 {
		t.Errorf("%d results, %v", len(got), err)
	}

	stall = pool.StopTaking(stuck)
	results = must(grows.MapAsync(t.Context(), stuck, slicesOf(100, 1<<20)))
	hostedEventually(t, "the tasks wait again", func() bool {
		s := hostedStats(t, h)
		return s.Done > 103 && s.Pending > 0 && s.Waiting == 0 && s.Workers[0].State == pool.Idle
	})
	if err := h.Terminate(t.Context()); err != nil {
		t.Error(err)
	}
	stall()
	if _, err := results.Get(t.Context()); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("tasks that waited when the pool ended: %v", err)
	}
}

func slicesOf(n, value int) []int {
	inputs := make([]int, n)
	for i := range inputs {
		inputs[i] = value
	}
	return inputs
}
