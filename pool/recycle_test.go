package pool_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// processesNamed returns the living children of this process whose name begins so.
func processesNamed(t *testing.T, prefix string) (pids []int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		end := bytes.LastIndexByte(stat, ')')
		if err != nil || end < 0 {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[end+1:]))
		if fields[0] == "Z" || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		name, err := os.ReadFile(filepath.Join(filepath.Dir(path), "comm"))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && strings.HasPrefix(string(name), prefix) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestRecyclingOptions(t *testing.T) {
	_, err := pool.New(t.Context(), &pool.Options{Workers: 2, MaxAge: -1, IdleTimeout: -1, Spares: -1, MinWorkers: 3})
	for _, word := range []string{"MaxAge", "IdleTimeout", "Spares", "MinWorkers is 3, more than"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not name %s", err, word)
		}
	}
	if _, err := pool.New(t.Context(), &pool.Options{MinWorkers: 1}); err == nil || !strings.Contains(err.Error(), "IdleTimeout is not") {
		t.Error(err)
	}
}

// Workers that are too old are replaced, busy or idle, and there is never more than one process more than there are workers.
func TestMaxAge(t *testing.T) {
	p := newPool(t, &pool.Options{Name: "aging", Workers: 2, MaxAge: 100 * time.Millisecond})
	pids := map[int]bool{}
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); {
		results, err := sleeps.Map(t.Context(), p, make([]time.Duration, 50))
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range results {
			pids[pid] = true
		}
		if now := processesNamed(t, "aging-"); len(now) > 3 {
			t.Fatalf("%d processes", len(now))
		}
	}
	if len(pids) < 6 {
		t.Fatalf("tasks ran in %d processes", len(pids))
	}
	before := workerPIDs(t, p, 2)
	hostedEventually(t, "idle workers are replaced", func() bool {
		for _, w := range p.Stats().Workers {
			if w.PID == 0 || w.PID == before[0] || w.PID == before[1] {
				return false
			}
		}
		return true
	})
	if s := p.Stats(); s.Lost != 0 || s.Done != s.Submitted {
		t.Fatalf("%+v", s)
	}
}

// A long task is not cut off by its worker's age.
func TestMaxAgeLeavesTasksAlone(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, MaxAge: 200 * time.Millisecond})
	long, err := sleeps.ApplyAsync(t.Context(), p, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	old, err := get(t, long)
	if err != nil {
		t.Fatal(err)
	}
	hostedEventually(t, "the worker is replaced then", func() bool {
		next, err := workerPID.Apply(t.Context(), p, struct{}{})
		return err == nil && next != old
	})
}

func workerCount(n int) func(pool.Stats) bool {
	return func(s pool.Stats) bool { return len(s.Workers) == n }
}

// atOnce runs n tasks at the same time, each in a process of its own.
func atOnce(t *testing.T, p *pool.Pool, n int) {
	t.Helper()
	open := filepath.Join(t.TempDir(), "open")
	var running []*pool.AsyncResult[int]
	for range n {
		r, err := waitsFor.ApplyAsync(t.Context(), p, open)
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, r)
	}
	awaitStats(t, p, func(s pool.Stats) bool {
		busy := 0
		for _, w := range s.Workers {
			if w.Age > 0 { // it has begun
				busy++
			}
		}
		return busy == n
	})
	if err := os.WriteFile(open, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pids := map[int]bool{}
	for _, r := range running {
		pid, err := get(t, r)
		if pids[pid] || err != nil {
			t.Fatal(pid, err)
		}
		pids[pid] = true
	}
}

// Idle workers leave, but for MinWorkers, and are there again when they are needed.
func TestIdleWorkersLeave(t *testing.T) {
	for least := range 2 {
		p := newPool(t, &pool.Options{Name: fmt.Sprintf("idling%d", least), Workers: 3, MinWorkers: least, IdleTimeout: 30 * time.Millisecond})
		for range 3 {
			awaitStats(t, p, workerCount(least))
			hostedEventually(t, "the processes have ended", func() bool {
				return len(processesNamed(t, fmt.Sprintf("idling%d-", least))) == least
			})
			atOnce(t, p, 3)
		}
		awaitStats(t, p, workerCount(least))
		if got, err := double.Apply(t.Context(), p, 2); err != nil || got != 4 {
			t.Fatal(got, err)
		}
		awaitStats(t, p, workerCount(least))
		if err := p.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Tasks that come while workers leave are all run: the timeout is about as long as what is between two of them.
func TestTasksMeetLeavingWorkers(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2, IdleTimeout: 2 * time.Millisecond, MaxAge: 30 * time.Millisecond, MaxTasksPerChild: 10})
	timer := time.NewTimer(0)
	for i := range 300 {
		if got, err := double.Apply(t.Context(), p, i); err != nil || got != 2*i {
			t.Fatal(got, err)
		}
		timer.Reset(time.Duration(i%30) * 100 * time.Microsecond)
		<-timer.C
	}
	if s := p.Stats(); s.Done != 300 {
		t.Fatalf("%+v", s)
	}
}

// A spare takes the place of a worker that died: it was there before, and is replaced.
func TestSpares(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	p := newPool(t, &pool.Options{Name: "spared", Workers: 1, Spares: 1, Initializer: initWrites.With(runs)})
	spare := func() int {
		var pids []int
		hostedEventually(t, "there is a spare", func() bool {
			pids = processesNamed(t, "spared-spare-")
			done, err := os.ReadFile(runs)
			return len(pids) == 1 && err == nil && len(done) == 2
		})
		return pids[0]
	}
	next := spare()
	if _, err := dies.Apply(t.Context(), p, int(syscall.SIGKILL)); err == nil {
		t.Fatal("it lives")
	}
	if got, err := workerPID.Apply(t.Context(), p, struct{}{}); err != nil || got != next {
		t.Fatalf("the next task ran in %d, and not in the spare %d: %v", got, next, err)
	}
	hostedEventually(t, "another spare is initialised", func() bool {
		done, err := os.ReadFile(runs)
		return err == nil && len(done) == 3 && len(processesNamed(t, "spared-spare-")) == 2
	})
	for _, pid := range processesNamed(t, "spared-spare-") {
		if pid != next {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	hostedEventually(t, "a spare that was killed is replaced", func() bool {
		done, err := os.ReadFile(runs)
		return err == nil && len(done) == 4
	})
	if s := p.Stats(); len(s.Workers) != 1 || s.Lost != 1 {
		t.Fatalf("%+v", s)
	}
}
