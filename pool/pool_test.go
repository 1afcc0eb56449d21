package pool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

var (
	double    = pool.RegisterNamed("test.double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	echo      = pool.RegisterNamed("test.echo", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })
	workerPID = pool.RegisterNamed("test.pid", func(_ context.Context, _ struct{}) (int, error) { return os.Getpid(), nil })
	fails     = pool.RegisterNamed("test.fails", func(_ context.Context, text string) (int, error) {
		return 0, fmt.Errorf("while failing: %w", fmt.Errorf("%s: %w", text, errSentinel))
	})
	panics = pool.RegisterNamed("test.panics", func(_ context.Context, text string) (int, error) { panic(text) })
	exits  = pool.RegisterNamed("test.exits", func(_ context.Context, code int) (int, error) { os.Exit(code); return 0, nil })
	dies   = pool.RegisterNamed("test.dies", func(_ context.Context, n int) (int, error) {
		if err := syscall.Kill(os.Getpid(), syscall.Signal(n)); err != nil {
			return 0, err
		}
		select {} // the signal may take a moment
	})
	sleeps = pool.RegisterNamed("test.sleeps", func(ctx context.Context, d time.Duration) (int, error) {
		select {
		case <-time.After(d):
			return os.Getpid(), nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	ignores = pool.RegisterNamed("test.ignores", func(_ context.Context, d time.Duration) (int, error) {
		for end := time.Now().Add(d); time.Now().Before(end); {
		}
		return os.Getpid(), nil
	})
	record = pool.RegisterNamed("test.record", func(_ context.Context, s thing) (thing, error) {
		s.Name = strings.ToUpper(s.Name)
		return s, nil
	})
)

type thing struct {
	Name string
	Tags map[string][]int
	At   time.Time
	Next *thing
}

var errSentinel = errors.New("sentinel")

func init() { pool.RegisterError("test.sentinel", errSentinel) }

func newPool(t testing.TB, o *pool.Options) *pool.Pool {
	t.Helper()
	p, err := pool.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		balanced(t, p)
	})
	return p
}

// balanced checks that every task has ended in exactly one outcome.
func balanced(t testing.TB, p *pool.Pool) {
	t.Helper()
	s := p.Stats()
	if sum := s.Pending + s.Done + s.Failed + s.Lost + s.TimedOut + s.OutOfMemory + s.Cancelled + s.Abandoned; sum != s.Submitted {
		t.Errorf("the books do not balance: %+v", s)
	}
}

func TestApply(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	for i := range 100 {
		got, err := double.Apply(t.Context(), p, i)
		if err != nil || got != 2*i {
			t.Fatalf("double(%d) = %d, %v", i, got, err)
		}
	}
	in := thing{Name: "a", Tags: map[string][]int{"x": {1, 2}}, At: time.Unix(1, 2).UTC(), Next: &thing{Name: "b"}}
	out, err := record.Apply(t.Context(), p, in)
	if err != nil || out.Name != "A" || !out.At.Equal(in.At) || out.Next.Name != "b" || out.Tags["x"][1] != 2 {
		t.Fatalf("got %+v, %v", out, err)
	}
}

func TestMapKeepsOrder(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 3})
	for _, n := range []int{0, 1, 2, 1000, 50_000} {
		inputs := make([]int, n)
		for i := range inputs {
			inputs[i] = i
		}
		results, err := double.Map(t.Context(), p, inputs)
		if err != nil || len(results) != n {
			t.Fatal(len(results), err)
		}
		for i, r := range results {
			if r != 2*i {
				t.Fatalf("result %d is %d", i, r)
			}
		}
	}
}

func TestMapAsyncReportsEachFailure(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	result, err := fails.MapAsync(t.Context(), p, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = result.Get(t.Context())
	var failed *pool.MapError
	if !errors.As(err, &failed) || len(failed.Failed) != 2 || failed.Failed[1].Index != 1 {
		t.Fatalf("got %v", err)
	}
	if !errors.Is(err, errSentinel) {
		t.Fatalf("errors.Is does not find the sentinel in %v", err)
	}
	if ok, err := result.Successful(); ok || err != nil {
		t.Fatal(ok, err)
	}
}

func TestIMapYieldsInOrder(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 3})
	next := 0
	for got, err := range double.IMap(t.Context(), p, count(30_000)).All() {
		if err != nil || got != 2*next {
			t.Fatalf("at %d: %d, %v", next, got, err)
		}
		next++
	}
	if next != 30_000 {
		t.Fatalf("%d results", next)
	}
}

func TestIMapUnorderedYieldsEachOnce(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 3})
	seen := make([]bool, 30_000)
	for r := range double.IMapUnordered(t.Context(), p, count(len(seen))).Results() {
		if r.Err != nil || r.Value != 2*r.Index || seen[r.Index] {
			t.Fatalf("got %+v", r)
		}
		seen[r.Index] = true
	}
	if slices.Contains(seen, false) {
		t.Fatal("a result is missing")
	}
}

func count(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// An endless input is read only so far ahead as results are taken, and is left when the loop is.
func TestIMapReadsNoFurtherThanNeeded(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	var read atomic.Int64
	ended := make(chan struct{})
	it := sleeps.IMap(t.Context(), p, func(yield func(time.Duration) bool) {
		defer close(ended)
		for yield(2 * time.Millisecond) {
			read.Add(1)
		}
	})
	for i := range 20 {
		if r, err := it.Next(t.Context()); err != nil || r.Err != nil {
			t.Fatal(r, err)
		}
		if ahead := read.Load() - int64(i); ahead > 20 {
			t.Fatalf("%d inputs were read ahead", ahead)
		}
	}
	it.Close()
	<-ended
	if _, err := it.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

func TestIMapErrPassesInputErrorsOn(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	var got []string
	for value, err := range double.IMapErr(t.Context(), p, func(yield func(int, error) bool) {
		_ = yield(1, nil) && yield(0, errSentinel) && yield(3, nil)
	}).All() {
		got = append(got, fmt.Sprint(value, err))
	}
	if want := []string{"2 <nil>", "0 sentinel", "6 <nil>"}; !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
}

func TestInputPanicReachesTheConsumer(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	defer func() {
		if value := recover(); value != "bad input" {
			t.Fatalf("recovered %v", value)
		}
	}()
	for range double.IMap(t.Context(), p, func(yield func(int) bool) { yield(1); panic("bad input") }).All() {
	}
	t.Fatal("no panic")
}

// An input that blocks for ever is abandoned: neither its consumer nor the pool waits for it.
func TestBlockedInputIsAbandoned(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	block := make(chan struct{})
	defer close(block)
	ctx, cancel := context.WithCancelCause(t.Context())
	it := double.IMap(ctx, p, func(yield func(int) bool) {
		if yield(1) {
			<-block
		}
	})
	if r, err := it.Next(t.Context()); err != nil || r.Value != 2 {
		t.Fatal(r, err)
	}
	cancel(errSentinel)
	if _, err := it.Next(t.Context()); !errors.Is(err, errSentinel) {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestLargePayloads(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	for _, size := range []int{0, 1, 60 << 10, 64 << 10, 100 << 10, 1 << 20, 20 << 20} {
		in := bytes.Repeat([]byte{7}, size)
		out, err := echo.Apply(t.Context(), p, in)
		if err != nil || !bytes.Equal(in, out) {
			t.Fatalf("%d bytes: got %d, %v", size, len(out), err)
		}
	}
	inputs := make([][]byte, 300)
	for i := range inputs {
		inputs[i] = bytes.Repeat([]byte{byte(i)}, i*1000)
	}
	results, err := echo.Map(t.Context(), p, inputs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range inputs {
		if !bytes.Equal(inputs[i], results[i]) {
			t.Fatalf("result %d differs", i)
		}
	}
}

func TestTooLargePayloadsFailAlone(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, MaxPayload: 1 << 20})
	if _, err := echo.Apply(t.Context(), p, make([]byte, 2<<20)); !errors.Is(err, pool.ErrTaskTooLarge) {
		t.Fatalf("argument: %v", err)
	}
	before, _ := workerPID.Apply(t.Context(), p, struct{}{})
	if _, err := grow.Apply(t.Context(), p, 2<<20); !errors.Is(err, pool.ErrTaskTooLarge) {
		t.Fatalf("result: %v", err)
	}
	if after, err := workerPID.Apply(t.Context(), p, struct{}{}); err != nil || after != before {
		t.Fatalf("the worker was replaced: %d, %d, %v", before, after, err)
	}
}

var grow = pool.RegisterNamed("test.grow", func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil })

func TestErrorsCrossProcesses(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	_, err := fails.Apply(t.Context(), p, "text")
	var remote *pool.RemoteError
	if !errors.As(err, &remote) || err.Error() != "while failing: text: sentinel" || !errors.Is(err, errSentinel) {
		t.Fatalf("got %v", err)
	}
	_, err = panics.Apply(t.Context(), p, "oh no")
	if !errors.As(err, &remote) || !strings.Contains(err.Error(), "oh no") || !strings.Contains(remote.Stack, "pool_test.go") {
		t.Fatalf("got %v with stack %s", err, remote.Stack)
	}
	if _, err := goexits.Apply(t.Context(), p, 0); err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Fatalf("got %v", err)
	}
	if got, err := double.Apply(t.Context(), p, 4); err != nil || got != 8 {
		t.Fatal(got, err)
	}
}
