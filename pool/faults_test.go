package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

var (
	initFails  = pool.RegisterInitializer(failInitializer)
	initWrites = pool.RegisterInitializer(writeInitializer)
	waitsFor   = pool.RegisterNamed("test.waitsFor", func(ctx context.Context, path string) (int, error) {
		return os.Getpid(), awaitFile(ctx, path)
	})
)

func failInitializer(_ context.Context, text string) error { return errors.New(text) }

func writeInitializer(_ context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString("x")
	return errors.Join(err, f.Close())
}

// awaitFile waits until a file exists.
func awaitFile(ctx context.Context, path string) error {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestOptionsAreRefusedTogether(t *testing.T) {
	_, err := pool.New(t.Context(), &pool.Options{Name: "a\nb", Workers: -1, TaskTimeout: -1, Spawn: &spawn.Options{Detached: true}})
	for _, word := range []string{"Options.Name", "Workers", "TaskTimeout", "Detached"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not name %s", err, word)
		}
	}
}

// A late registration is told under the name of the function that was called, and a failed input under its position.
func TestMessagesNameTheirSubject(t *testing.T) {
	late := func(register func()) (said string) {
		defer func() { said = fmt.Sprint(recover()) }()
		register()
		return ""
	}
	if said := late(func() { pool.RegisterNamed("late", aFunction) }); !strings.HasPrefix(said, "pool.RegisterNamed was called after") {
		t.Error(said)
	}
	if said := late(func() { pool.Register(aFunction) }); !strings.HasPrefix(said, "pool.Register was called after") {
		t.Error(said)
	}
	failed := &pool.MapError{Tasks: 3, Failed: []*pool.TaskError{{Index: 1, Err: errors.New("no such file")}}}
	if said := failed.Error(); said != "pool: 1 of 3 tasks failed: input 1: no such file" {
		t.Error(said)
	}
}

func aFunction(context.Context, int) (int, error) { return 0, nil }

func TestInitializerRunsOnceInEachWorker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs")
	p := newPool(t, &pool.Options{Workers: 2, Initializer: initWrites.With(path)})
	workerPIDs(t, p, 2)
	if runs, err := os.ReadFile(path); err != nil || len(runs) != 2 {
		t.Fatal(string(runs), err)
	}
}

// Workers that cannot start break the pool; they are not started for ever.
func TestPoolOfFailingWorkersIsBroken(t *testing.T) {
	begun := time.Now()
	_, err := pool.New(t.Context(), &pool.Options{Workers: 2, Initializer: initFails.With("no such database")})
	if !errors.Is(err, pool.ErrPoolBroken) || !strings.Contains(err.Error(), "no such database") {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Fatalf("it took %v", took)
	}
}

// A pool whose workers die, and then cannot be replaced, fails what waits.
func TestTasksThatWaitFailWithTheirPool(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, &pool.Options{Workers: 1, Initializer: initWrites.With(filepath.Join(gone, "runs"))})
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	killer, err := dies.ApplyAsync(t.Context(), p, int(syscall.SIGKILL))
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := double.MapAsync(t.Context(), p, make([]int, 100))
	if err != nil {
		t.Fatal(err)
	}
	var lost *pool.WorkerLostError
	if _, err := killer.Get(t.Context()); !errors.As(err, &lost) {
		t.Fatal(err)
	}
	if _, err := waiting.Get(t.Context()); !errors.Is(err, pool.ErrPoolBroken) {
		t.Fatal(err)
	}
	if _, err := double.Apply(t.Context(), p, 1); !errors.Is(err, pool.ErrPoolBroken) {
		t.Fatal(err)
	}
}

// A full queue makes its callers wait; their contexts, and Close, free them.
func TestFullQueueBlocks(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, QueueTasks: 2, Grace: 100 * time.Millisecond})
	open := filepath.Join(t.TempDir(), "open")
	running, err := waitsFor.ApplyAsync(t.Context(), p, open)
	if err != nil {
		t.Fatal(err)
	}
	awaitStats(t, p, func(s pool.Stats) bool { return s.Waiting == 0 })
	for range 2 {
		if _, err := double.ApplyAsync(t.Context(), p, 1); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := double.ApplyAsync(ctx, p, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	var refused, served atomic.Int64
	for range 5 {
		callers.Go(func() {
			if _, err := double.ApplyAsync(t.Context(), p, 1); errors.Is(err, pool.ErrClosed) {
				refused.Add(1)
			} else if err == nil {
				served.Add(1)
			}
		})
	}
	if err := os.WriteFile(open, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	callers.Wait()
	if _, err := running.Get(t.Context()); err != nil || served.Load() != 5 {
		t.Fatal(err, served.Load())
	}
	if _, err := sleeps.MapAsync(t.Context(), p, make([]time.Duration, 10)); err != nil {
		t.Fatal(err)
	}
}

// awaitStats waits until the pool's figures are as wanted.
func awaitStats(t *testing.T, p *pool.Pool, wanted func(pool.Stats) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !wanted(p.Stats()) {
		select {
		case <-deadline:
			t.Fatalf("the figures stay at %+v", p.Stats())
		case <-time.After(time.Millisecond):
		}
	}
}

func TestOnDone(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	got := make(chan int, 2)
	result, err := double.ApplyAsync(t.Context(), p, 4)
	if err != nil {
		t.Fatal(err)
	}
	result.OnDone(func(n int, err error) { got <- n })
	<-result.Done()
	result.OnDone(func(n int, err error) { got <- n })
	if a, b := <-got, <-got; a != 8 || b != 8 {
		t.Fatal(a, b)
	}
}

// Callers from many goroutines each have their own answer.
func TestManyCallers(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	var callers sync.WaitGroup
	for c := range 16 {
		callers.Go(func() {
			for i := range 300 {
				if got, err := double.Apply(t.Context(), p, c*1000+i); err != nil || got != 2*(c*1000+i) {
					t.Errorf("got %d, %v", got, err)
					return
				}
			}
		})
	}
	callers.Wait()
}

// Tasks that are cancelled at random, while workers are killed, end once each.
func TestCancelStress(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2, Grace: 50 * time.Millisecond})
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for i := range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*c%7)*time.Millisecond)
				_, err := sleeps.Apply(ctx, p, time.Duration(i%5)*time.Millisecond)
				cancel()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	callers.Wait()
	if s := p.Stats(); s.Pending != 0 || s.Done+s.Cancelled != s.Submitted {
		t.Fatalf("%+v", s)
	}
}

// A worker that writes nonsense into the memory it shares is killed; its task is lost and the pool goes on.
func TestCorruptWorkerIsReplaced(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	var lost *pool.WorkerLostError
	if _, err := corrupts.Apply(t.Context(), p, 0); !errors.As(err, &lost) || !strings.Contains(err.Error(), "corrupt") {
		t.Fatalf("got %v", err)
	}
	if got, err := double.Apply(t.Context(), p, 4); err != nil || got != 8 {
		t.Fatal(got, err)
	}
}

// corrupts scribbles over all that the process shares with its parent, and dies.
var corrupts = pool.RegisterNamed("test.corrupts", func(_ context.Context, _ int) (int, error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(maps), "\n") {
		if strings.Contains(line, "memfd:multiproc-link") {
			if err := scribble(line); err != nil {
				return 0, err
			}
		}
	}
	return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
})

func scribble(line string) error {
	from, rest, _ := strings.Cut(line, "-")
	to, _, _ := strings.Cut(rest, " ")
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	start, end := parseHex(from), parseHex(to)
	_, err = memory.WriteAt([]byte(strings.Repeat("\xa5", int(end-start))), start)
	return err
}

func parseHex(s string) int64 {
	var n int64
	for _, c := range s {
		n = n<<4 | int64(strings.IndexRune("0123456789abcdef", c))
	}
	return n
}

// A worker that is told to end by somebody else takes its task with it: the task did not fail by itself.
func TestTerminatedWorkerLosesItsTask(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	running, err := sleeps.ApplyAsync(t.Context(), p, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	awaitStats(t, p, func(s pool.Stats) bool { return s.Workers[0].State == pool.Busy && s.Workers[0].Age > 0 })
	if err := syscall.Kill(p.Stats().Workers[0].PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var lost *pool.WorkerLostError
	if _, err := running.Get(t.Context()); !errors.As(err, &lost) {
		t.Fatalf("got %v", err)
	}
	if got, err := double.Apply(t.Context(), p, 4); err != nil || got != 8 {
		t.Fatal(got, err)
	}
}

// A worker that hangs at its start is killed and counts as failed.
func TestWorkerThatIsNeverReady(t *testing.T) {
	_, err := pool.New(t.Context(), &pool.Options{
		Workers: 1, StartTimeout: 50 * time.Millisecond, StartFailures: 2, Initializer: initHangs.With(struct{}{}),
	})
	if !errors.Is(err, pool.ErrPoolBroken) || !strings.Contains(err.Error(), "StartTimeout") {
		t.Fatalf("got %v", err)
	}
}

var initHangs = pool.RegisterInitializer(hangInitializer)

func hangInitializer(context.Context, struct{}) error { select {} }
