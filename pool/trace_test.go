package pool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
)

// traced is what a task finds in its context.
type traced struct {
	Parent, State, Baggage string
	PID                    int
	Size                   int
}

var (
	tellsTrace = pool.RegisterNamed("test.tellsTrace", func(ctx context.Context, payload []byte) (traced, error) {
		t := traced{PID: os.Getpid(), Size: len(payload)}
		t.Parent, t.State = pool.Trace(ctx)
		t.Baggage, _ = ctx.Value(baggageKey{}).(string)
		return t, nil
	})
	diesTraced = pool.RegisterNamed("test.diesTraced", func(ctx context.Context, path string) (traced, error) {
		if _, err := os.Stat(path); err != nil {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return traced{}, err
			}
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		parent, _ := pool.Trace(ctx)
		return traced{Parent: parent}, nil
	})
)

type baggageKey struct{}

// baggage is a propagator of what stands under baggageKey.
type baggage struct{}

func (baggage) Inject(ctx context.Context, carrier map[string]string) {
	if text, ok := ctx.Value(baggageKey{}).(string); ok {
		carrier["baggage"] = text
	}
}

func (baggage) Extract(ctx context.Context, carrier map[string]string) context.Context {
	if text, ok := carrier["baggage"]; ok {
		return context.WithValue(ctx, baggageKey{}, text)
	}
	return ctx
}

// Benchmarks measure a program that has no propagator.
func init() {
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.bench") }) {
		pool.RegisterPropagator(baggage{})
	}
}

const (
	traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	tracestate  = "vendor=value"
)

func TestTraceFollowsTheContext(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	plain := t.Context()
	ctx := pool.WithTrace(plain, traceparent, tracestate)
	rich := context.WithValue(ctx, baggageKey{}, "user=7")
	for name, test := range map[string]struct {
		ctx  context.Context
		want traced
	}{
		"nothing":    {plain, traced{}},
		"trace":      {ctx, traced{Parent: traceparent, State: tracestate}},
		"both":       {rich, traced{Parent: traceparent, State: tracestate, Baggage: "user=7"}},
		"propagator": {context.WithValue(plain, baggageKey{}, "x"), traced{Baggage: "x"}},
		"too large":  {context.WithValue(plain, baggageKey{}, strings.Repeat("x", 20<<10)), traced{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{0, 1000, 64<<10 - 100, 64 << 10, 1 << 20} { // through the ring and beside it
				for _, f := range []*pool.Function[[]byte, traced]{tellsTrace, tellsTrace.WithTimeout(time.Hour)} {
					got, err := f.Apply(test.ctx, p, make([]byte, size))
					want := test.want
					want.PID, want.Size = got.PID, size
					if err != nil || got != want {
						t.Fatalf("%d bytes: got %+v, %v, want %+v", size, got, err, want)
					}
				}
			}
		})
	}
	results, err := tellsTrace.Map(rich, p, make([][]byte, 1000))
	if err != nil || slices.ContainsFunc(results, func(r traced) bool { return r.Parent != traceparent || r.Baggage != "user=7" }) {
		t.Fatal(err)
	}
	for got, err := range tellsTrace.IMap(ctx, p, slices.Values(make([][]byte, 100))).All() {
		if err != nil || got.Parent != traceparent || got.Baggage != "" {
			t.Fatal(got, err)
		}
	}
	if parent, state := pool.Trace(plain); parent != "" || state != "" {
		t.Fatal(parent, state)
	}
}

// What another worker runs, after the first was killed, has the trace as well.
func TestTraceSurvivesTheWorker(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	ctx := pool.WithTrace(t.Context(), traceparent, "")
	path := t.TempDir() + "/died"
	first, err := diesTraced.ApplyAsync(ctx, p, path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := diesTraced.ApplyAsync(ctx, p, path)
	if err != nil {
		t.Fatal(err)
	}
	var lost *pool.WorkerLostError
	if _, err := first.Get(t.Context()); !errors.As(err, &lost) {
		t.Fatal(err)
	}
	if got, err := second.Get(t.Context()); err != nil || got.Parent != traceparent {
		t.Fatal(got, err)
	}
}

func TestTraceReachesAHostedPool(t *testing.T) {
	m, err := manager.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	h, err := pool.NewHosted(t.Context(), m, &pool.Options{Workers: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.WithValue(pool.WithTrace(t.Context(), traceparent, tracestate), baggageKey{}, "b")
	if got, err := tellsTrace.Apply(ctx, h, nil); err != nil || got.Parent != traceparent || got.State != tracestate || got.Baggage != "b" {
		t.Fatal(got, err)
	}
	shared, err := tellsTrace.IMapShared(ctx, h, make([][]byte, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := shared.Close(); err != nil {
			t.Error(err)
		}
	}()
	for got, err := range shared.All(t.Context()) {
		if err != nil || got.Parent != traceparent {
			t.Fatal(got, err)
		}
	}
	if got, err := tellsTrace.Apply(t.Context(), h, nil); err != nil || got.Parent != "" {
		t.Fatal(got, err)
	}
}

// A Logger's handler finds the caller's trace in the context of a record that a task has logged.
func TestForwardedRecordsHaveTheTrace(t *testing.T) {
	found := &traces{}
	p := newPool(t, &pool.Options{Workers: 1, Logger: slog.New(found), ForwardLogs: slog.LevelInfo})
	ctx := pool.WithTrace(t.Context(), traceparent, "")
	if _, err := logsRecords.Apply(ctx, p, logged{Records: 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := logsRecords.Apply(t.Context(), p, logged{Records: 1}); err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(found.parents), fmt.Sprint([]string{traceparent, traceparent, traceparent, ""}); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// traces keeps the traces of the records of tasks.
type traces struct {
	mu      sync.Mutex // guards the field below
	parents []string
}

func (h *traces) Enabled(context.Context, slog.Level) bool { return true }

func (h *traces) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "record" {
		h.mu.Lock()
		defer h.mu.Unlock()
		parent, _ := pool.Trace(ctx)
		h.parents = append(h.parents, parent)
	}
	return nil
}

func (h *traces) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *traces) WithGroup(string) slog.Handler      { return h }
