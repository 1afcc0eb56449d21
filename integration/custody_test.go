package integration

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/wire"
)

// A tally is a shared object to be passed around.
type tally struct{ count chan int }

var tallies = manager.RegisterGo("integration.tally", newTally, nil)

func newTally(context.Context, struct{}) (*tally, error) {
	t := &tally{make(chan int, 1)}
	t.count <- 0
	return t, nil
}

// Add adds to the tally and returns it.
func (t *tally) Add(n int) int {
	sum := <-t.count + n
	t.count <- sum
	return sum
}

// A job is a task with a proxy in it.
type job struct {
	Tally *manager.Proxy
	Name  string
}

var (
	count   = pool.Register(countOne)
	produce = pool.Register(produceTally)
)

// countOne uses the proxy in its argument, and returns it where the name asks for that.
func countOne(ctx context.Context, j job) (job, error) {
	if j.Name == "crash" {
		return job{}, errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), context.Cause(ctx))
	}
	if err := manager.Do(ctx, j.Tally, "Add", 1); err != nil {
		return job{}, err
	}
	if j.Name != "return" {
		return job{}, j.Tally.Close()
	}
	return j, nil
}

// produceTally makes an object and returns its only proxy.
func produceTally(ctx context.Context, near *manager.Proxy) (*manager.Proxy, error) {
	defer near.Close()
	m, err := near.Manager()
	if err != nil {
		return nil, err
	}
	return tallies.New(ctx, m, struct{}{}, nil)
}

// custody is a manager and a pool for one test, at the end of which the manager must be empty.
func custody(t *testing.T, o *pool.Options) (*manager.Manager, *pool.Pool) {
	t.Helper()
	multiproctest.CheckNothingLeft(t)
	p, err := pool.New(t.Context(), o) // older than the manager, whose key its workers know nevertheless
	if err != nil {
		t.Fatal(err)
	}
	m, err := manager.Start(t.Context(), &manager.Options{TransitGrace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		multiproctest.CheckManagerEmpty(t, m)
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m, p
}

func newTallyProxy(t *testing.T, m *manager.Manager) *manager.Proxy {
	t.Helper()
	p, err := tallies.New(t.Context(), m, struct{}{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProxyInATaskOutlivesItsSenders(t *testing.T) {
	m, p := custody(t, &pool.Options{Workers: 2})
	shared := newTallyProxy(t, m)
	keep, err := shared.Clone()
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	var results []*pool.AsyncResult[job]
	for range 50 {
		r, err := count.ApplyAsync(t.Context(), p, job{Tally: shared})
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	shared.Close() // before most of the tasks have begun
	for _, r := range results {
		if _, err := r.Get(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if sum, err := manager.Call[int](t.Context(), keep, "Add", 0); err != nil || sum != 50 {
		t.Errorf("%d tasks have counted, %v", sum, err)
	}
}

func TestProxyInAResult(t *testing.T) {
	m, p := custody(t, &pool.Options{Workers: 2, MaxTasksPerChild: 1})
	near := newTallyProxy(t, m)
	defer near.Close()
	var made []*manager.Proxy
	for range 10 { // each worker ends right after its result
		got, err := produce.Apply(t.Context(), p, near)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, got)
		back, err := count.Apply(t.Context(), p, job{Tally: got, Name: "return"})
		if err != nil {
			t.Fatal(err)
		}
		if !back.Tally.Equal(got) {
			t.Errorf("%v came back for %v", back.Tally, got)
		}
		back.Tally.Close()
	}
	for _, got := range made {
		if sum, err := manager.Call[int](t.Context(), got, "Add", 1); err != nil || sum != 2 {
			t.Errorf("the proxy that a worker has left: %d, %v", sum, err)
		}
		got.Close()
	}
}

func TestProxyInATaskOfAKilledWorker(t *testing.T) {
	m, p := custody(t, &pool.Options{Workers: 2})
	shared := newTallyProxy(t, m)
	for range 4 {
		_, err := count.Apply(t.Context(), p, job{Tally: shared, Name: "crash"})
		var lost *pool.WorkerLostError
		if !errors.As(err, &lost) {
			t.Errorf("a killed worker: %v", err)
		}
	}
	shared.Close()
}

// What carries proxies of no known type loses none, and keeps none.
func TestProxiesInAnyOfATask(t *testing.T) {
	m, p := custody(t, &pool.Options{Workers: 2})
	shared := newTallyProxy(t, m)
	for range 20 {
		got, err := countAny.Apply(t.Context(), p, map[string]any{"tallies": []any{shared, shared}})
		if err != nil {
			t.Fatal(err)
		}
		made := got.(map[string]any)["made"].(*manager.Proxy)
		if sum, err := manager.Call[int](t.Context(), made, "Add", 0); err != nil || sum != 3 {
			t.Errorf("made with %d, %v", sum, err)
		}
		made.Close()
	}
	if sum, err := manager.Call[int](t.Context(), shared, "Add", 0); err != nil || sum != 20 {
		t.Errorf("%d tasks have counted, %v", sum, err)
	}
	shared.Close() // and nothing is left: see custody
}

var countAny = pool.Register(countAnyTally)

// countAnyTally counts a task in the first of its proxies, and returns a new one that stands at 3.
func countAnyTally(ctx context.Context, box map[string]any) (any, error) {
	all := box["tallies"].([]any)
	first, second := all[0].(*manager.Proxy), all[1].(*manager.Proxy)
	defer first.Close()
	if _, err := manager.Call[int](ctx, first, "Add", 1); err != nil {
		return nil, err
	}
	made, err := produceTally(ctx, second)
	if err != nil {
		return nil, err
	}
	_, err = manager.Call[int](ctx, made, "Add", 3)
	return map[string]any{"made": made}, err
}

func TestProxyThatCannotBeHeldFailsItsTask(t *testing.T) {
	m, p := custody(t, &pool.Options{Workers: 1})
	shared := newTallyProxy(t, m)
	shared.Close()
	if _, err := count.Apply(t.Context(), p, job{Tally: shared}); !errors.Is(err, manager.ErrClosed) {
		t.Errorf("a closed proxy: %v", err)
	}
	token := wire.Token{Type: "integration.tally", Address: m.Address(), ID: 1}
	if _, err := pass.Apply(t.Context(), p, token); !errors.Is(err, manager.ErrNoSuchObject) {
		t.Errorf("a token of nothing: %v", err)
	}
}

var pass = pool.Register(passToken)

func passToken(_ context.Context, t wire.Token) (wire.Token, error) { return t, nil }
