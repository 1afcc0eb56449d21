package multiproctest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/wire"
)

func TestMain(m *testing.M) { multiproctest.Main(m) }

var (
	double = multiproctest.Register("double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	rest   = pool.RegisterNamed("rest", func(ctx context.Context, _ int) (int, error) {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
)

func newPool(t *testing.T, o *pool.Options) *pool.Pool {
	t.Helper()
	multiproctest.CheckNothingLeft(t)
	p, err := pool.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// outcomes runs n tasks one after the other and returns the errors of those that failed, by number.
func outcomes(t *testing.T, p *pool.Pool, n int) map[int]error {
	t.Helper()
	failed := map[int]error{}
	for i := range n {
		if got, err := double.Apply(t.Context(), p, i); err != nil {
			failed[i+1] = err
		} else if got != 2*i {
			t.Errorf("task %d: %d", i+1, got)
		}
	}
	return failed
}

func TestWorkerOfTheNthTask(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2, TaskTimeout: 5 * time.Second, Grace: 50 * time.Millisecond})
	double.Kill(t, 2)
	double.Exit(t, 4, 7)
	failed := outcomes(t, p, 6)
	var killed, exited *pool.WorkerLostError
	if len(failed) != 2 || !errors.As(failed[2], &killed) || !errors.As(failed[4], &exited) {
		t.Fatalf("failed: %v", failed)
	}
	if exited.ExitCode != 7 {
		t.Errorf("the one that exits: %v", exited)
	}
	double.Kill(t, 1) // counted from here
	if failed := outcomes(t, p, 2); len(failed) != 1 || failed[1] == nil {
		t.Errorf("failed after a second plan: %v", failed)
	}
}

func TestFrozenAndDelayedTasks(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, TaskTimeout: 300 * time.Millisecond, Grace: 50 * time.Millisecond})
	double.Freeze(t, 1)
	if failed := outcomes(t, p, 1); !errors.Is(failed[1], pool.ErrTaskTimeout) {
		t.Errorf("frozen: %v", failed)
	}
	double.Delay(t, 1, time.Hour)
	if failed := outcomes(t, p, 1); !errors.Is(failed[1], pool.ErrTaskTimeout) {
		t.Errorf("delayed: %v", failed)
	}
}

// Those that have not come by then fail it.
func TestFaultsEndWithTheirTest(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	r := &recorder{TB: t}
	double.Kill(r, 3)
	double.Delay(r, 1, time.Microsecond) // which comes
	multiproctest.FailStarts(r, 1)       // which need not
	if failed := outcomes(t, p, 2); len(failed) != 0 {
		t.Errorf("failed: %v", failed)
	}
	for _, cleanup := range r.cleanups {
		cleanup()
	}
	if len(r.faults) != 1 || r.faults[0] != "double" {
		t.Errorf("the test is told of %q", r.faults)
	}
	if failed := outcomes(t, p, 3); len(failed) != 0 {
		t.Errorf("failed: %v", failed)
	}
}

func TestStartsThatFailOrAreLate(t *testing.T) {
	multiproctest.CheckNothingLeft(t)
	multiproctest.FailStarts(t, 1)
	if m, err := manager.Start(t.Context(), nil); err == nil {
		m.Close()
		t.Error("a manager was started in spite of the fault")
	}
	multiproctest.DelayStarts(t, 1, time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if m, err := manager.Start(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		m.Close()
		t.Errorf("a late start: %v", err)
	}
}

func TestKillAndFreezeProcesses(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	result, err := rest.ApplyAsync(t.Context(), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	multiproctest.Kill(t, multiproctest.BusyWorker(t, p, "rest"))
	var lost *pool.WorkerLostError
	if _, err := result.Get(t.Context()); !errors.As(err, &lost) {
		t.Errorf("a task of a killed worker: %v", err)
	}

	m, err := manager.Start(t.Context(), &manager.Options{VerdictTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	multiproctest.CheckManagerEmpty(t, m)
	thaw := multiproctest.Freeze(t, m.Process())
	answered := make(chan error, 1)
	go func() { answered <- m.Ping(context.Background()) }()
	select {
	case err := <-answered:
		t.Errorf("a stopped manager answers: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	thaw()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	multiproctest.KillManager(t, m)
	if err := m.Ping(t.Context()); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("a killed manager answers: %v", err)
	}
}

// A recorder is a test whose failures are expected.
type recorder struct {
	testing.TB
	cleanups []func()
	faults   []string
	count    atomic.Int32
}

func (r *recorder) Helper()           {}
func (r *recorder) Cleanup(fn func()) { r.cleanups = append(r.cleanups, fn) }
func (r *recorder) Errorf(_ string, arguments ...any) {
	r.count.Add(1)
	for _, a := range arguments {
		if s, ok := a.(string); ok {
			r.faults = append(r.faults, s)
		} else if err, ok := a.(error); ok {
			r.faults = append(r.faults, "goroutine "+err.Error())
		}
	}
}

// What is there to stay is told soon, and alone.
func TestWhatStaysIsToldSoon(t *testing.T) {
	setPatience(t, 6*time.Second)
	r := &recorder{TB: t}
	multiproctest.CheckNothingLeft(r)
	file, err := os.CreateTemp(t.TempDir(), "that-stays")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	began := time.Now()
	for _, cleanup := range r.cleanups {
		cleanup()
	}
	if took := time.Since(began); took >= multiproctest.Patience {
		t.Errorf("it took %v, as if something had gone meanwhile", took)
	}
	if len(r.faults) != 1 || !strings.Contains(r.faults[0], file.Name()) || strings.Count(r.faults[0], ": /") != 1 {
		t.Errorf("found %q", r.faults)
	}
}

func setPatience(t *testing.T, d time.Duration) {
	before := multiproctest.Patience
	t.Helper()
	multiproctest.Patience = d
	t.Cleanup(func() { multiproctest.Patience = before })
}

func TestWhatIsLeftIsFound(t *testing.T) {
	setPatience(t, 100*time.Millisecond)
	for want, leave := range map[string]func(t *testing.T) (end func()){
		"": func(*testing.T) func() { return func() {} },
		"process": func(t *testing.T) func() {
			c := exec.Command("sleep", "1000")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			return func() { _, _ = c.Process.Kill(), c.Wait() }
		},
		"goroutine": func(*testing.T) func() {
			stop := make(chan struct{})
			go func() { <-stop }()
			return func() { close(stop) }
		},
		"descriptors": func(t *testing.T) func() {
			file, err := os.Open("/dev/null")
			if err != nil {
				t.Fatal(err)
			}
			return func() { file.Close() }
		},
		"folder": func(t *testing.T) func() {
			f, err := wire.NewSocketFolder()
			if err != nil {
				t.Fatal(err)
			}
			return func() { f.Remove() }
		},
	} {
		r := &recorder{TB: t}
		multiproctest.CheckNothingLeft(r)
		end := leave(t)
		for _, cleanup := range r.cleanups {
			cleanup()
		}
		end()
		if found := strings.Join(r.faults, "\n"); !strings.Contains(found, want) || (want == "") != (found == "") {
			t.Errorf("left %q, found %q", want, found)
		}
	}
}
