package pool_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
)

// The tests of this file check what CPython's _TestPool checks of a pool in a manager, and other tests here do not.

type token struct{}

var (
	tokens    = manager.RegisterGo("test.token", func(context.Context, struct{}) (*token, error) { return &token{}, nil }, nil)
	identity  = pool.RegisterNamed("test.identity", func(_ context.Context, v any) (any, error) { return v, nil })
	withProxy = pool.RegisterNamed("test.withProxy", func(_ context.Context, p *manager.Proxy) (*manager.Proxy, error) { return p, nil })
	collects  = pool.RegisterNamed("test.collects", func(context.Context, struct{}) (int, error) { runtime.GC(); return 0, nil })
	failsFar  = pool.RegisterNamed("test.failsFar", func(ctx context.Context, d time.Duration) (int, error) {
		select {
		case <-time.After(d):
			return 0, errors.New(strings.Repeat("x", 1<<20))
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	})
)

// As test_empty_iterable and test_map_chunksize.
func TestHostedOfNothing(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 1})
	if got, err := double.Map(t.Context(), h, nil); len(got) != 0 || err != nil {
		t.Errorf("Map: %v, %v", got, err)
	}
	r, err := double.MapAsync(t.Context(), h, []int{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Get(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("MapAsync: %v, %v", got, err)
	}
	for name, it := range map[string]*pool.Iterator[int]{
		"IMap":          double.IMap(t.Context(), h, slices.Values([]int(nil))),
		"IMapUnordered": double.IMapUnordered(t.Context(), h, slices.Values([]int(nil))),
	} {
		for range 2 {
			if got, err := it.Next(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
	}
}

// As test_imap: after the last result comes the end, and again.
func TestHostedIteratorEnds(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2})
	it := double.IMap(t.Context(), h, slices.Values([]int{0, 1, 2}))
	for i := range 3 {
		if got, err := it.Next(t.Context()); got.Value != 2*i || got.Err != nil || err != nil {
			t.Errorf("result %d: %+v, %v", i, got, err)
		}
	}
	for range 2 {
		if _, err := it.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("after the last: %v", err)
		}
	}
}

// As test_map_async_callbacks: each is called once, with the results or the error.
func TestHostedCallbacks(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2})
	type call struct {
		results []int
		err     error
	}
	calls := make(chan call, 4)
	note := func(results []int, err error) { calls <- call{results, err} }
	good, err := double.MapAsync(t.Context(), h, []int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	good.OnDone(note)
	if got := <-calls; !slices.Equal(got.results, []int{2, 4}) || got.err != nil {
		t.Errorf("%+v", got)
	}
	bad, err := fails.MapAsync(t.Context(), h, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	bad.OnDone(note)
	if got := <-calls; !errors.Is(got.err, errSentinel) {
		t.Errorf("%+v", got)
	}
	if _, err := double.Apply(t.Context(), h, 1); err != nil {
		t.Error(err)
	}
	if len(calls) != 0 {
		t.Errorf("called again: %+v", <-calls)
	}
}

// As test_map_unplicklable: an argument or a result that cannot be sent is an error, and nobody waits for it.
func TestHostedArgumentsThatCannotTravel(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2})
	arguments := make([]any, 10)
	for i := range arguments {
		arguments[i] = func() {}
	}
	if _, err := identity.Map(t.Context(), h, arguments); err == nil {
		t.Error("functions have travelled")
	}
	if got, err := identity.Apply(t.Context(), h, "text"); got != "text" || err != nil {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

// As test_async_timeout and test_terminate: who waits for a result may give up, and the task goes on; thousands of tasks
// that would take hours end with their pool.
func TestHostedTerminate(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 3, Grace: 100 * time.Millisecond})
	tasks := slices.Repeat([]time.Duration{time.Hour}, 10_000)
	results, err := sleeps.MapAsync(t.Context(), h, tasks)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := results.Get(ctx); !errors.Is(err, context.DeadlineExceeded) || results.Ready() {
		t.Errorf("waited for: %v, ready %v", err, results.Ready())
	}
	if err := h.Terminate(t.Context()); err != nil {
		t.Error(err)
	}
	var all *pool.MapError
	if _, err := results.Get(t.Context()); !errors.As(err, &all) || !errors.Is(err, pool.ErrClosed) || len(all.Failed) != len(tasks) {
		t.Errorf("terminated: %v", err)
	}
	if s := hostedStats(t, h); s.Pending != 0 || s.Abandoned+s.Cancelled != s.Submitted {
		t.Errorf("%+v", s)
	}
}

// As test_map_no_failfast: a map ends when all its tasks have, however early one fails and however much it has to say.
func TestHostedMapWaitsForAll(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2})
	var all *pool.MapError
	_, err := failsFar.Map(t.Context(), h, []time.Duration{0, 300 * time.Millisecond})
	if !errors.As(err, &all) || len(all.Failed) != 2 {
		t.Fatalf("%.100v", err)
	}
	for i, failed := range all.Failed {
		var remote *pool.RemoteError
		if !errors.As(failed, &remote) || !strings.HasPrefix(remote.Error(), "xxx") {
			t.Errorf("task %d: %.100v", i, failed)
		}
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// As close and join after each test: Shutdown returns for every handle whose results are there, also where an outcome came
// before the answer to its submission.
func TestHostedShutdownOfIdleHandles(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2})
	handles := make([]*pool.Hosted, 40)
	for i := range handles {
		var err error
		if handles[i], err = h.Clone(); err != nil {
			t.Fatal(err)
		}
		defer handles[i].Close()
		if _, err := double.Apply(t.Context(), handles[i], i); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, len(handles))
	for _, handle := range handles {
		go func() { ended <- handle.Shutdown(t.Context()) }()
	}
	limit := time.After(20 * time.Second)
	for i := range handles {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-limit:
			t.Fatalf("%d of %d handles still shut down", len(handles)-i, len(handles))
		}
	}
}

// As test_release_task_refs: nobody keeps what was in arguments and results when they have arrived.
func TestHostedLetsGoOfArgumentsAndResults(t *testing.T) {
	m := newManager(t)
	h := newHosted(t, m, &pool.Options{Workers: 1})
	other, err := h.Clone()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var sent []*manager.Proxy
	for range 10 {
		p, err := tokens.New(t.Context(), m, struct{}{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, p)
	}
	got, err := withProxy.Map(t.Context(), h, sent)
	if err != nil || len(got) != len(sent) {
		t.Fatal(err)
	}
	for i, p := range got {
		if !p.Equal(sent[i]) {
			t.Errorf("%v came back for %v", p, sent[i])
		}
		if err := errors.Join(p.Close(), sent[i].Close()); err != nil {
			t.Error(err)
		}
	}
	hostedEventually(t, "no proxy is left", func() bool {
		if _, err := collects.Apply(t.Context(), other, struct{}{}); err != nil { // the worker's own go with its garbage
			t.Fatal(err)
		}
		info, err := m.Info(t.Context())
		return err == nil && info.InTransit == 0 && !slices.ContainsFunc(info.Objects, func(o manager.ObjectInfo) bool {
			return o.Type == sent[0].Token().Type
		})
	})
}
