package pool_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// newManager starts a manager process, which must leave no object but those of other sessions.
func newManager(t testing.TB) *manager.Manager {
	t.Helper()
	m, err := manager.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer func() {
			if t.Failed() {
				info, err := m.Info(context.Background())
				t.Logf("the manager at the end: %+v, %v", info, err)
			}
		}()
		hostedEventually(t, "no object is left in the manager, and no proxy is on its way", func() bool {
			info, err := m.Info(context.Background())
			return err == nil && len(info.Objects) == 0 && info.InTransit == 0
		})
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

func newHosted(t testing.TB, m *manager.Manager, o *pool.Options) *pool.Hosted {
	t.Helper()
	h, err := pool.NewHosted(t.Context(), m, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func hostedEventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for pause := time.Millisecond; !holds(); pause = min(2*pause, 50*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-limit:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func hostedStats(t testing.TB, h *pool.Hosted) pool.Stats {
	t.Helper()
	s, err := h.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHostedApply(t *testing.T) {
	m := newManager(t)
	h := newHosted(t, m, &pool.Options{Workers: 2})
	if got, err := double.Apply(t.Context(), h, 21); got != 42 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	sent := thing{Name: "a", Tags: map[string][]int{"x": {1, 2}}, At: time.Unix(1, 2).UTC(), Next: &thing{Name: "b"}}
	got, err := record.Apply(t.Context(), h, sent)
	if err != nil || got.Name != "A" || got.Next == nil || !got.At.Equal(sent.At) || !slices.Equal(got.Tags["x"], []int{1, 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
	large := make([]byte, 3<<20)
	large[len(large)-1] = 7
	if got, err := echo.Apply(t.Context(), h, large); err != nil || !slices.Equal(got, large) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	pid, err := workerPID.Apply(t.Context(), h, struct{}{})
	if workers := hostedStats(t, h).Workers; err != nil || pid != workers[0].PID && pid != workers[1].PID {
		t.Errorf("pid %d is no worker of %+v, %v", pid, workers, err)
	}
}

func TestHostedMap(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2})
	inputs := make([]int, 20_000)
	for i := range inputs {
		inputs[i] = i
	}
	results, err := double.Map(t.Context(), h, inputs)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range results {
		if got != 2*i {
			t.Fatalf("result %d is %d", i, got)
		}
	}
	async, err := double.MapAsync(t.Context(), h, inputs[:1000])
	if err != nil {
		t.Fatal(err)
	}
	if results, err := async.Get(t.Context()); err != nil || len(results) != 1000 || results[999] != 1998 {
		t.Errorf("%d results, %v", len(results), err)
	}
	if ok, err := async.Successful(); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestHostedIMap(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2})
	next := 0
	endless := func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	}
	for got, err := range double.IMap(t.Context(), h, endless).All() {
		if err != nil || got != 2*next {
			t.Fatalf("result %d is %d, %v", next, got, err)
		}
		if next++; next == 10_000 {
			break
		}
	}
	seen := map[int]bool{}
	for r := range double.IMapUnordered(t.Context(), h, slices.Values([]int{5, 6, 7, 8})).Results() {
		if r.Err != nil || r.Value != 2*(5+r.Index) {
			t.Errorf("%+v", r)
		}
		seen[r.Index] = true
	}
	if len(seen) != 4 {
		t.Errorf("results %v", seen)
	}
	hostedEventually(t, "nothing is pending", func() bool { return hostedStats(t, h).Pending == 0 })
}

func TestHostedErrors(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2, Grace: 100 * time.Millisecond, MaxPayload: 1 << 20})
	var remote *pool.RemoteError
	_, err := fails.Apply(t.Context(), h, "reason")
	if !errors.Is(err, errSentinel) || !errors.As(err, &remote) || !strings.Contains(err.Error(), "reason") {
		t.Errorf("a task's error: %v", err)
	}
	_, err = panics.Apply(t.Context(), h, "ouch")
	if !errors.As(err, &remote) || !remote.Panic || !strings.Contains(remote.Stack, "pool_test") {
		t.Errorf("a panic: %+v", err)
	}
	var lost *pool.WorkerLostError
	_, err = exits.Apply(t.Context(), h, 7)
	if !errors.As(err, &lost) || lost.ExitCode != 7 || lost.Function != "test.exits" || lost.PID == 0 {
		t.Errorf("an exit: %#v", err)
	}
	_, err = dies.Apply(t.Context(), h, int(syscall.SIGKILL))
	if !errors.As(err, &lost) || lost.Signal != syscall.SIGKILL {
		t.Errorf("a kill: %#v", err)
	}
	_, err = ignores.WithTimeout(50*time.Millisecond).Apply(t.Context(), h, time.Minute)
	if !errors.Is(err, pool.ErrTaskTimeout) || errors.As(err, &remote) {
		t.Errorf("a timeout: %#v", err)
	}
	if _, err = echo.Apply(t.Context(), h, make([]byte, 2<<20)); !errors.Is(err, pool.ErrTaskTooLarge) {
		t.Errorf("too large: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = sleeps.Apply(ctx, h, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a context: %v", err)
	}
	result, err := sleeps.ApplyAsync(t.Context(), h, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	result.Cancel()
	if _, err := result.Get(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	var all *pool.MapError
	if _, err = fails.Map(t.Context(), h, []string{"a", "b"}); !errors.As(err, &all) || len(all.Failed) != 2 || !errors.Is(err, errSentinel) {
		t.Errorf("a map: %v", err)
	}
}

func TestHostedOptionsThatCannotTravel(t *testing.T) {
	m := newManager(t)
	o := &pool.Options{Workers: -1, Logger: slog.Default(), OnWorker: func(pool.WorkerEvent) {}, Spawn: &spawn.Options{Stdout: io.Discard, Niceness: 99}}
	_, err := pool.NewHosted(t.Context(), m, o, nil)
	for _, fault := range []string{"Workers", "Logger", "OnWorker", "Stdout", "Niceness"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s is not refused: %v", fault, err)
		}
	}
	if n, err := m.NumberOfObjects(t.Context()); n != 0 || err != nil {
		t.Errorf("%d objects were made, %v", n, err)
	}
	var zero pool.Hosted
	if _, err := double.Apply(t.Context(), &zero, 1); err == nil {
		t.Error("the zero Hosted runs tasks")
	}
}

// surroundings tells where a worker runs: its directory, a variable, and its limit of open files.
var surroundings = pool.RegisterNamed("test.surroundings", func(context.Context, struct{}) ([]string, error) {
	dir, err := os.Getwd()
	var limit syscall.Rlimit
	err = errors.Join(err, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	return []string{dir, os.Getenv("HOSTED_TEST"), os.Getenv("HOME"), strconv.FormatUint(uint64(limit.Cur), 10)}, err
})

func TestHostedSpawnOptionsTravel(t *testing.T) {
	dir := must(filepath.EvalSymlinks(t.TempDir()))
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	m := newManager(t)
	t.Chdir(dir) // after the manager was started, which is elsewhere
	h := newHosted(t, m, &pool.Options{Workers: 1, Spawn: &spawn.Options{
		Dir: "below", Env: []string{"HOSTED_TEST=yes"},
		Limits: []spawn.Limit{{Resource: syscall.RLIMIT_NOFILE, Soft: 123, Hard: 200}},
	}})
	got, err := surroundings.Apply(t.Context(), h, struct{}{})
	if want := []string{filepath.Join(dir, "below"), "yes", "", "123"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("the worker sees %q, %v; not %q", got, err, want)
	}
}

func TestHostedByName(t *testing.T) {
	m := newManager(t)
	named, o := &manager.ObjectOptions{Name: "shared"}, &pool.Options{Workers: 1}
	a, err := pool.NewHosted(t.Context(), m, o, named)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := pool.NewHosted(t.Context(), m, o, named)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if !a.Proxy().Equal(b.Proxy()) {
		t.Error("two pools of one name")
	}
	if _, err := pool.NewHosted(t.Context(), m, &pool.Options{Workers: 2}, named); !errors.Is(err, manager.ErrExists) {
		t.Errorf("other options: %v", err)
	}
	slow, err := sleeps.ApplyAsync(t.Context(), a, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	if _, err := slow.Get(t.Context()); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("a task of a closed handle: %v", err)
	}
	if got, err := double.Apply(t.Context(), b, 1); got != 2 || err != nil {
		t.Errorf("the other handle: %d, %v", got, err)
	}
	if _, err := double.Apply(t.Context(), a, 1); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("a closed handle: %v", err)
	}
}

func TestHostedShutdown(t *testing.T) {
	m := newManager(t)
	h := newHosted(t, m, &pool.Options{Workers: 2, Grace: 100 * time.Millisecond})
	results, err := sleeps.MapAsync(t.Context(), h, make([]time.Duration, 100))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := results.Get(t.Context()); err != nil || len(got) != 100 {
		t.Errorf("%d results, %v", len(got), err)
	}
	if _, err := double.Apply(t.Context(), h, 1); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("after the shutdown: %v", err)
	}

	h = newHosted(t, m, &pool.Options{Workers: 1, Grace: 100 * time.Millisecond})
	slow, err := sleeps.ApplyAsync(t.Context(), h, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cut short: %v", err)
	}
	if _, err := slow.Get(t.Context()); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("a task that was cut short: %v", err)
	}
}

func BenchmarkHostedApply(b *testing.B) {
	h := newHosted(b, newManager(b), &pool.Options{Workers: 1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := double.Apply(b.Context(), h, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// One iteration is one task of a stream over two workers.
func BenchmarkHostedIMap(b *testing.B) {
	h := newHosted(b, newManager(b), &pool.Options{Workers: 2})
	b.ReportAllocs()
	n := 0
	for _, err := range double.IMap(b.Context(), h, func(yield func(int) bool) {
		for b.Loop() {
			n++
			if !yield(n) {
				return
			}
		}
	}).All() {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tasks/s")
}

func TestHostedRefusesOtherBinaries(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 1})
	if _, err := h.Proxy().InvokeProxy(t.Context(), "Attach", []byte("another")); !errors.Is(err, pool.ErrOtherBuild) {
		t.Errorf("another binary: %v", err)
	}
}
