package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

var (
	goexits = pool.RegisterNamed("test.goexits", func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil })
	crashes = pool.RegisterNamed("test.crashes", func(context.Context, int) (int, error) {
		go func() { panic("in another goroutine") }()
		select {}
	})
	works = pool.RegisterNamed("test.works", func(_ context.Context, n int) (int, error) {
		for end := time.Now().Add(50 * time.Microsecond); time.Now().Before(end); {
		}
		return n + 1, nil
	})
	starts = pool.RegisterNamed("test.starts", func(_ context.Context, _ int) (int, error) {
		c := exec.Command("sleep", "1000")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			return 0, err
		}
		return c.Process.Pid, nil
	})
)

func TestWorkerDeathFailsThatTaskAlone(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	for name, apply := range map[string]func() (int, error){
		"exit":  func() (int, error) { return exits.Apply(t.Context(), p, 7) },
		"kill":  func() (int, error) { return dies.Apply(t.Context(), p, int(syscall.SIGKILL)) },
		"crash": func() (int, error) { return crashes.Apply(t.Context(), p, 0) },
	} {
		_, err := apply()
		var lost *pool.WorkerLostError
		if !errors.As(err, &lost) || lost.PID == 0 {
			t.Fatalf("%s: got %v", name, err)
		}
		switch {
		case name == "exit" && lost.ExitCode != 7,
			name == "kill" && lost.Signal != syscall.SIGKILL,
			name == "crash" && lost.Crash == "":
			t.Fatalf("%s: got %+v", name, lost)
		}
		t.Log(err)
		if got, err := double.Apply(t.Context(), p, 4); err != nil || got != 8 {
			t.Fatal(got, err)
		}
	}
	if s := p.Stats(); s.Lost != 3 || s.Done != 3 {
		t.Fatalf("%+v", s)
	}
}

// What a link had sent ahead of a worker that died is run by others.
func TestTasksSentAheadSurvive(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	inputs := make([]int, 20_000)
	for i := range inputs {
		inputs[i] = i
	}
	inputs[10_000] = -1
	results, err := diesAt.Map(t.Context(), p, inputs)
	var failed *pool.MapError
	if !errors.As(err, &failed) || len(failed.Failed) != 1 || failed.Failed[0].Index != 10_000 {
		t.Fatalf("got %v", err)
	}
	for i, r := range results {
		if i != 10_000 && r != i {
			t.Fatalf("result %d is %d", i, r)
		}
	}
}

var diesAt = pool.RegisterNamed("test.diesAt", func(_ context.Context, n int) (int, error) {
	if n < 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return n, nil
})

func TestTimeout(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, TaskTimeout: 100 * time.Millisecond, Grace: 100 * time.Millisecond})
	before, err := workerPID.Apply(t.Context(), p, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sleeps.Apply(t.Context(), p, time.Minute); !errors.Is(err, pool.ErrTaskTimeout) {
		t.Fatalf("a task that heeds its context: %v", err)
	}
	if after, err := workerPID.Apply(t.Context(), p, struct{}{}); err != nil || after != before {
		t.Fatalf("its worker was replaced: %d, %d, %v", before, after, err)
	}
	begun := time.Now()
	if _, err := ignores.Apply(t.Context(), p, time.Minute); !errors.Is(err, pool.ErrTaskTimeout) {
		t.Fatalf("a task that does not: %v", err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Fatalf("it took %v", took)
	}
	if got, err := sleeps.WithTimeout(-1).Apply(t.Context(), p, 200*time.Millisecond); err != nil || got == before {
		t.Fatalf("got %d, %v", got, err)
	}
}

func TestStoppedWorkerPassesItsDeadline(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, TaskTimeout: 200 * time.Millisecond, Grace: 100 * time.Millisecond})
	if _, err := dies.Apply(t.Context(), p, int(syscall.SIGSTOP)); !errors.Is(err, pool.ErrTaskTimeout) {
		t.Fatalf("got %v", err)
	}
}

// What waits behind a worker that was stopped is run by the others.
func TestStoppedWorkerKeepsNothingBack(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	stopProcess(t, workerPIDs(t, p, 2)[0])
	inputs := make([]int, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := double.Map(ctx, p, inputs); err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Done < 1000 {
		t.Fatalf("%+v", s)
	}
}

// stopProcess stops a process, and returns when each of its threads has stopped, as far as the system tells: one on another
// processor may go on for a moment, and begin a task.
func stopProcess(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		hostedEventually(t, "the process is stopped", func() bool {
			stat, err := os.ReadFile(thread)
			_, state, _ := strings.Cut(string(stat), ") ")
			return err != nil || strings.HasPrefix(state, "T")
		})
	}
}

// workerPIDs returns the processes of n workers when so many have started.
func workerPIDs(t *testing.T, p *pool.Pool, n int) []int {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		var pids []int
		for _, w := range p.Stats().Workers {
			if w.PID != 0 {
				pids = append(pids, w.PID)
			}
		}
		if len(pids) >= n {
			return pids
		}
		select {
		case <-deadline:
			t.Fatalf("%d of %d workers started", len(pids), n)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestCancel(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, Grace: 100 * time.Millisecond})
	running, err := sleeps.ApplyAsync(t.Context(), p, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := double.ApplyAsync(t.Context(), p, 1)
	if err != nil {
		t.Fatal(err)
	}
	waiting.Cancel()
	if _, err := waiting.Get(t.Context()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if running.Ready() {
		t.Fatal("the running task ended with the waiting one")
	}
	running.Cancel()
	if _, err := running.Get(t.Context()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := ignores.Apply(ctx, p, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Cancelled != 3 || s.Submitted != 3 {
		t.Fatalf("%+v", s)
	}
}

func TestMaxTasksPerChild(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2, MaxTasksPerChild: 10})
	inputs := make([]struct{}, 100)
	pids, err := workerPID.Map(t.Context(), p, inputs)
	if err != nil {
		t.Fatal(err)
	}
	tasks := map[int]int{}
	for _, pid := range pids {
		tasks[pid]++
	}
	for pid, n := range tasks {
		if n > 10 {
			t.Fatalf("worker %d ran %d tasks", pid, n)
		}
	}
}

func TestShutdownRunsWhatWasSubmitted(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	result, err := sleeps.MapAsync(t.Context(), p, []time.Duration{50 * time.Millisecond, 0, 0, 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ok, err := result.Successful(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := double.Apply(t.Context(), p, 1); !errors.Is(err, pool.ErrClosed) {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestShutdownCutShortEndsTheRest(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, Grace: 100 * time.Millisecond})
	running, err := ignores.ApplyAsync(t.Context(), p, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := double.ApplyAsync(t.Context(), p, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	for _, r := range []*pool.AsyncResult[int]{running, waiting} {
		if _, err := r.Get(t.Context()); !errors.Is(err, pool.ErrClosed) {
			t.Fatal(err)
		}
	}
}

// Shutdown and Close may be called by anybody, at any time, in any number.
func TestShutdownAndCloseStress(t *testing.T) {
	for range 5 {
		p := newPool(t, &pool.Options{Workers: 2, Grace: 100 * time.Millisecond})
		var callers sync.WaitGroup
		for i := range 8 {
			callers.Go(func() {
				switch i % 3 {
				case 0:
					_, _ = sleeps.Apply(t.Context(), p, time.Duration(i)*time.Millisecond)
				case 1:
					_ = p.Close()
				case 2:
					_ = p.Shutdown(t.Context())
				}
			})
		}
		callers.Wait()
		if s := p.Stats(); s.Pending != 0 {
			t.Fatalf("%+v", s)
		}
	}
}

// A worker that is killed takes with it what it had started, even in a session of its own.
func TestWorkersProcessesEndWithIt(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	pid, err := starts.Apply(t.Context(), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dies.Apply(t.Context(), p, int(syscall.SIGKILL)); err == nil {
		t.Fatal("no error")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) && !zombie(pid) {
		t.Fatalf("process %d is alive (%v)", pid, err)
	}
}

// zombie reports whether a process has ended and waits for pid 1 to notice.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	return strings.Contains(string(stat), ") Z ")
}
