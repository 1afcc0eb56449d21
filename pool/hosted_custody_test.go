package pool_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
)

// drops looks at its argument and keeps nothing of it; it closes nothing either.
var drops = pool.RegisterNamed("test.drops", func(ctx context.Context, p parcel) (int, error) {
	_, err := p.Box.Invoke(ctx, "Get", nil)
	return 1, err
})

// A worker that idles after a task lets go of the proxies that the task has left to the garbage collector.
func TestIdleWorkerLetsGoOfProxies(t *testing.T) {
	m := newManager(t)
	p := must(pool.New(t.Context(), &pool.Options{Workers: 1}))
	defer p.Close()
	near := must(manager.Create(t.Context(), m, "pool_test.box", nil, nil))
	defer near.Close()
	for _, run := range []func(pool.Runner) error{
		func(r pool.Runner) error {
			box := must(manager.Create(t.Context(), m, "pool_test.box", nil, nil))
			defer box.Close()
			_, err := drops.Apply(t.Context(), r, parcel{Box: box})
			return err
		},
		func(r pool.Runner) error {
			made, err := makes.Apply(t.Context(), r, parcel{Box: near})
			made.Box.Close()
			return err
		},
	} {
		if err := run(p); err != nil {
			t.Fatal(err)
		}
		hostedEventually(t, "the object of the task is gone", func() bool {
			return must(m.NumberOfObjects(t.Context())) == 1
		})
	}
	if w := p.Stats().Workers[0]; w.State != pool.Idle || w.TasksDone != 2 {
		t.Errorf("the worker has done something else: %+v", w)
	}
}

// Results of a shared iterator keep what is in them, whoever it belongs to, until they are taken, and no longer.
func TestHostedSharedResultsKeepTheirProxies(t *testing.T) {
	m, foreign := newManager(t), newManager(t)
	h := newHosted(t, m, &pool.Options{Workers: 1, MaxTasksPerChild: 1})
	near := must(manager.Create(t.Context(), m, "pool_test.box", nil, nil))
	defer near.Close()
	far := must(manager.Create(t.Context(), foreign, "pool_test.box", nil, nil))
	defer far.Close()
	it := must(makes.IMapSharedSeq(t.Context(), h, slices.Values([]parcel{{Box: near}, {Box: far}, {Box: far}})))
	hostedEventually(t, "the tasks have ended", func() bool { return hostedStats(t, h).Done == 3 })
	for i := range 2 {
		r := must(it.Next(t.Context()))
		if _, err := r.Value.Box.Invoke(t.Context(), "Get", nil); err != nil || r.Err != nil {
			t.Errorf("result %d: %v, %v", i, r.Err, err)
		}
		r.Value.Box.Close()
	}
	hostedEventually(t, "of the other manager's objects those are left that were not taken", func() bool {
		return must(foreign.NumberOfObjects(t.Context())) == 2
	})
	one := must(makes.ApplyShared(t.Context(), h, parcel{Box: near}))
	defer one.Close()
	hostedEventually(t, "the task has ended", func() bool { return must(one.Ready(t.Context())) })
	h.Close() // and with it the pool
	hostedEventually(t, "the pool is gone", func() bool {
		for _, o := range must(m.Info(t.Context())).Objects {
			if o.Type == "multiproc/pool.Pool" {
				return false
			}
		}
		return true
	})
	made, err := one.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Box.Invoke(t.Context(), "Get", nil); err != nil {
		t.Errorf("what is in a result has gone with the pool: %v", err)
	}
	made.Box.Close()
	if r, err := it.Next(t.Context()); err != nil || r.Err != nil {
		t.Errorf("the last result: %v, %v", r.Err, err)
	} else {
		r.Value.Box.Close()
	}
	if _, err := it.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	it.Close()
}

// parts lets go of its argument before it ends.
var parts = pool.RegisterNamed("test.parts", func(ctx context.Context, p parcel) (int, error) {
	err := p.Box.Close()
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
	return 1, err
})

// An iterator that is referred to by the argument of one of its own tasks alone ends with that task, under everybody's
// hands.
func TestHostedSharedIteratorThatKeepsItself(t *testing.T) {
	m := newManager(t)
	h := newHosted(t, m, &pool.Options{Workers: 1})
	inputs := make(chan parcel)
	it := must(parts.IMapSharedSeq(t.Context(), h, func(yield func(parcel) bool) {
		for input := range inputs {
			if !yield(input) {
				return
			}
		}
	}))
	own := new(manager.Proxy)
	if _, err := own.UnmarshalMsg(must(it.MarshalMsg(nil))); err != nil {
		t.Fatal(err)
	}
	inputs <- parcel{Box: own}
	close(inputs)
	hostedEventually(t, "the task runs", func() bool { return hostedStats(t, h).Submitted == 1 })
	own.Close()
	it.Close()
	hostedEventually(t, "the iterator is gone", func() bool { return must(m.NumberOfObjects(t.Context())) == 2 })
	if got, err := double.Apply(t.Context(), h, 1); got != 2 || err != nil {
		t.Errorf("a later task: %d, %v", got, err)
	}
}

// Shutdown gives up on a callback when its context ends.
func TestHostedShutdownHeedsItsContext(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 1})
	release := make(chan struct{})
	defer close(release)
	result := must(double.ApplyAsync(t.Context(), h, 1))
	result.OnDone(func(int, error) { <-release })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
