package poolprom_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/pool/poolprom"
	"github.com/multiproc-go/multiproc/spawn"
)

func TestMain(m *testing.M) { spawn.TestMain(m) }

var (
	double = pool.RegisterNamed("poolprom.double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	fails  = pool.RegisterNamed("poolprom.fails", func(context.Context, int) (int, error) { return 0, errors.New("failed") })
	dies   = pool.RegisterNamed("poolprom.dies", func(context.Context, int) (int, error) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	})
)

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
	})
	return p
}

func TestMetricsCountTasks(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	if _, err := double.Map(t.Context(), p, make([]int, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := fails.Apply(t.Context(), p, 0); err == nil {
		t.Fatal("it did not fail")
	}
	var lost *pool.WorkerLostError
	if _, err := dies.Apply(t.Context(), p, 0); !errors.As(err, &lost) {
		t.Fatal(err)
	}
	const want = `
# HELP multiproc_pool_tasks_pending Tasks that wait or run.
# TYPE multiproc_pool_tasks_pending gauge
multiproc_pool_tasks_pending{pool="test"} 0
# HELP multiproc_pool_tasks_submitted_total Tasks that were submitted.
# TYPE multiproc_pool_tasks_submitted_total counter
multiproc_pool_tasks_submitted_total{pool="test"} 7
# HELP multiproc_pool_tasks_total Tasks that have ended, by outcome.
# TYPE multiproc_pool_tasks_total counter
multiproc_pool_tasks_total{outcome="abandoned",pool="test"} 0
multiproc_pool_tasks_total{outcome="cancelled",pool="test"} 0
multiproc_pool_tasks_total{outcome="done",pool="test"} 5
multiproc_pool_tasks_total{outcome="failed",pool="test"} 1
multiproc_pool_tasks_total{outcome="lost",pool="test"} 1
multiproc_pool_tasks_total{outcome="out_of_memory",pool="test"} 0
multiproc_pool_tasks_total{outcome="timed_out",pool="test"} 0
`
	if err := testutil.CollectAndCompare(poolprom.NewCollector("test", p), strings.NewReader(want),
		"multiproc_pool_tasks_pending", "multiproc_pool_tasks_submitted_total", "multiproc_pool_tasks_total"); err != nil {
		t.Error(err)
	}
}

// Names, types and help texts are as Prometheus wants them, also for several pools in one registry.
func TestMetricsAreWellFormed(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	if _, err := double.Map(t.Context(), p, make([]int, 100)); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(poolprom.NewCollector("a", p), poolprom.NewCollector("b", p))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) < 8 {
		t.Error(families)
	}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "multiproc_pool_") {
			t.Error(family.GetName())
		}
	}
	faults, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Errorf("%s: %s", fault.Metric, fault.Text)
	}
	if err := registry.Register(poolprom.NewCollector("a", p)); err == nil {
		t.Error("two pools of one name were registered")
	}
}

// What is told of workers is theirs: the sums fit the pool's, and the memory is that of a process.
func TestMetricsOfWorkers(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	if _, err := double.Map(t.Context(), p, make([]int, 1000)); err != nil {
		t.Fatal(err)
	}
	for _, family := range gather(t, poolprom.NewCollector("test", p)) {
		sum := 0.
		for _, m := range family.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
		switch name := strings.TrimPrefix(family.GetName(), "multiproc_pool_"); {
		case name == "workers" && sum != 2, name == "worker_tasks_total" && sum != 1000,
			name == "worker_resident_bytes" && sum < 1<<20:
			t.Errorf("%s: %v in all", family.GetName(), sum)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, family := range gather(t, poolprom.NewCollector("test", p)) {
		if strings.HasPrefix(family.GetName(), "multiproc_pool_worker_") {
			t.Errorf("of a pool that has ended: %v", family)
		}
	}
}

func gather(t *testing.T, c prometheus.Collector) []*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func TestMetricsOfAHostedPool(t *testing.T) {
	m, err := manager.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := pool.NewHosted(t.Context(), m, &pool.Options{Workers: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := double.Apply(t.Context(), h, 1); err != nil {
		t.Fatal(err)
	}
	c := poolprom.NewHostedCollector("hosted", h, 10*time.Second)
	for _, family := range gather(t, c) {
		if family.GetName() == "multiproc_pool_tasks_submitted_total" && family.GetMetric()[0].GetCounter().GetValue() != 1 {
			t.Error(family)
		}
	}
	if err := errors.Join(h.Close(), m.Close()); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	if _, err := registry.Gather(); !errors.Is(err, manager.ErrClosed) && !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("of a manager that is gone: %v", err)
	}
}
