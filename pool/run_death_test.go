package pool_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/pool"
)

// begins counts, for each task, how often it was begun, in a file that outlives whoever dies.
var begins []byte

var countBegins = pool.RegisterInitializer(func(_ context.Context, path string) error {
	memory, err := mapBegins(path)
	begins = memory
	return err
})

func mapBegins(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	memory, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return memory, errors.Join(err, file.Close())
}

// countingPool is a pool whose workers count in the memory that is returned.
func countingPool(t *testing.T, tasks int, o *pool.Options) (*pool.Pool, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "begins")
	if err := os.WriteFile(path, make([]byte, 4*tasks), 0o600); err != nil {
		t.Fatal(err)
	}
	memory, err := mapBegins(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(memory); err != nil {
			t.Error(err)
		}
	})
	o.Initializer = countBegins.With(path)
	return newPool(t, o), memory
}

func begun(memory []byte, i int) *atomic.Int32 {
	return (*atomic.Int32)(unsafe.Pointer(&memory[4*i]))
}

// deed is a task of a run: which it is, and what it does.
type deed struct {
	Index int
	Does  string
	File  string
}

var deeds = pool.RegisterNamed("test.deeds", func(ctx context.Context, s deed) (string, error) {
	begun(begins, s.Index).Add(1)
	switch s.Does {
	case "die":
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			return "", err
		}
		select {}
	case "fail":
		return "", errSentinel
	case "panic":
		panic("a deed panics")
	case "exit":
		runtime.Goexit()
	case "await":
		return "", awaitFile(ctx, s.File)
	case "large":
		return strings.Repeat("x", 100_000), nil
	case "middling":
		return strings.Repeat("y", 3000), nil
	}
	return s.Does, nil
})

func plain(n int) []deed {
	made := make([]deed, n)
	for i := range made {
		made[i].Index = i
	}
	return made
}

// warm has the links send many tasks ahead.
func warm(t *testing.T, p *pool.Pool) {
	t.Helper()
	if _, err := double.Map(t.Context(), p, make([]int, 100_000)); err != nil {
		t.Fatal(err)
	}
}

// Tasks of a run that fail, panic, exit or die do so alone, and each is begun once.
func TestTasksOfARunFailAlone(t *testing.T) {
	const n = 4000
	p, memory := countingPool(t, n, &pool.Options{Workers: 2})
	warm(t, p)
	inputs := plain(n)
	does := []string{"fail", "panic", "exit", "large", "middling", "die"}
	for i := 100; i < n; i += 97 {
		inputs[i].Does = does[i%len(does)]
	}
	results, err := deeds.Map(t.Context(), p, inputs)
	var failed *pool.MapError
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	errs := map[int]error{}
	for _, f := range failed.Failed {
		errs[f.Index] = f.Err
	}
	for i, s := range inputs {
		if n := begun(memory, i).Load(); n != 1 {
			t.Errorf("task %d, which is to %q, was begun %d times", i, s.Does, n)
		}
		var lost *pool.WorkerLostError
		err := errs[i]
		ok := err == nil
		switch s.Does {
		case "fail":
			ok = errors.Is(err, errSentinel)
		case "panic", "exit":
			ok = err != nil && !errors.As(err, &lost)
		case "die":
			ok = errors.As(err, &lost)
		case "large":
			ok = err == nil && len(results[i]) == 100_000
		case "middling":
			ok = err == nil && len(results[i]) == 3000
		}
		if !ok {
			t.Errorf("task %d, which is to %q: %.100q, %v", i, s.Does, results[i], err)
		}
	}
}

// A task that takes long in the middle of a run holds back neither the results before it nor the tasks behind it.
func TestSlowTaskInARunHoldsBackNothing(t *testing.T) {
	const n = 4000
	p, memory := countingPool(t, n, &pool.Options{Workers: 2})
	warm(t, p)
	open := filepath.Join(t.TempDir(), "open")
	inputs := plain(n)
	inputs[n/2].Does, inputs[n/2].File = "await", open
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("a task is held back"))
	defer cancel()
	ended := 0
	for r := range deeds.IMapUnordered(ctx, p, slices.Values(inputs)).Results() {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if ended++; ended == n-1 {
			if r.Index == n/2 {
				t.Fatal("the slow task has ended before it can")
			}
			if err := os.WriteFile(open, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range n {
		if n := begun(memory, i).Load(); n != 1 {
			t.Fatalf("task %d was begun %d times", i, n)
		}
	}
}

// The cancellation of a Map reaches the task of a run that runs, and none is begun after it.
func TestCancelWithinARun(t *testing.T) {
	const n = 4000
	for _, workers := range []int{1, 2} {
		p, memory := countingPool(t, n, &pool.Options{Workers: workers})
		warm(t, p)
		inputs := plain(n)
		inputs[500].Does, inputs[500].File = "await", filepath.Join(t.TempDir(), "never")
		r, err := deeds.MapAsync(t.Context(), p, inputs)
		if err != nil {
			t.Fatal(err)
		}
		for begun(memory, 500).Load() == 0 {
			runtime.Gosched()
		}
		r.Cancel()
		_, err = get(t, r)
		var failed *pool.MapError
		if !errors.As(err, &failed) {
			t.Fatal(err)
		}
		for _, f := range failed.Failed {
			if !errors.Is(f, context.Canceled) {
				t.Fatal(f)
			}
		}
		s := p.Stats()
		ran := 0
		for i := range n {
			if begun(memory, i).Load() == 1 {
				ran++
			}
		}
		if lost := slices.ContainsFunc(failed.Failed, func(f *pool.TaskError) bool { return f.Index == 500 }); !lost || s.Pending != 0 {
			t.Fatalf("%+v", s)
		}
		if int(s.Done) < 100_000 || int(s.Done)-100_000 > ran {
			t.Fatalf("%d have begun: %+v", ran, s)
		}
	}
}

// A worker that is stopped in the middle of a run keeps the task that it runs; all others end elsewhere.
func TestWorkerStoppedWithinARun(t *testing.T) {
	const n = 4000
	p, memory := countingPool(t, n, &pool.Options{Workers: 2})
	warm(t, p)
	inputs := plain(n)
	for i := range inputs {
		if i%500 == 250 {
			inputs[i].Does = "middling"
		}
	}
	for range 5 {
		for i := range n {
			begun(memory, i).Store(0)
		}
		pid := 0
		awaitStats(t, p, func(s pool.Stats) bool {
			pid = s.Workers[0].PID
			return pid != 0
		})
		r, err := deeds.MapAsync(t.Context(), p, inputs)
		if err != nil {
			t.Fatal(err)
		}
		for begun(memory, 700).Load() == 0 {
			runtime.Gosched()
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		awaitStats(t, p, func(s pool.Stats) bool { return s.Pending <= 1 })
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, r); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if n := begun(memory, i).Load(); n != 1 {
				t.Fatalf("task %d was begun %d times", i, n)
			}
		}
	}
}

// No worker runs more tasks than MaxTasksPerChild, also when they come as runs.
func TestMaxTasksPerChildWithinARun(t *testing.T) {
	const n, most = 3000, 700
	p := newPool(t, &pool.Options{Workers: 2, MaxTasksPerChild: most})
	pids, err := workerPID.Map(t.Context(), p, make([]struct{}, n))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int]int{}
	for _, pid := range pids {
		counts[pid]++
	}
	for pid, tasks := range counts {
		if tasks > most {
			t.Errorf("worker %d has run %d tasks", pid, tasks)
		}
	}
}

// A task's context has ended when the next task of its run runs, and is not the next one's.
func TestContextsOfARun(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	ended, err := keeps.Map(t.Context(), p, make([]int, 3000))
	if err != nil {
		t.Fatal(err)
	}
	for i, ok := range ended {
		if !ok {
			t.Fatalf("the context before task %d had not ended", i)
		}
	}
}

// keeper keeps a task's context when the task has ended.
type keeper struct{ ctx context.Context }

func (k *keeper) keep(ctx context.Context) (before context.Context) {
	before, k.ctx = k.ctx, ctx
	return before
}

var contextKeeper keeper

var keeps = pool.RegisterNamed("test.keeps", func(ctx context.Context, _ int) (bool, error) {
	before := contextKeeper.keep(ctx)
	if ctx.Err() != nil {
		return false, nil
	}
	return before == nil || before != ctx && before.Err() != nil, nil
})

// Results as large as a block, and larger, arrive in runs of any size.
func TestResultsThatDoNotFitInARun(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	warm(t, p)
	sizes := make([]int, 3000)
	for i := range sizes {
		sizes[i] = i * 37 % 4000
		if i%100 == 0 {
			sizes[i] = 32<<10 - i/100
		}
	}
	results, err := fills.Map(t.Context(), p, sizes)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range results {
		if len(b) != sizes[i] || bytes.ContainsFunc(b, func(r rune) bool { return r != 'z' }) {
			t.Fatalf("result %d has %d bytes, not %d", i, len(b), sizes[i])
		}
	}
}

var fills = pool.RegisterNamed("test.fills", func(_ context.Context, n int) ([]byte, error) { return bytes.Repeat([]byte{'z'}, n), nil })
