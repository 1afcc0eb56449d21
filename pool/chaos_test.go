package pool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// While a killer shoots a random worker every 20 ms, each of 100,000 tasks ends exactly once: with the right
// result, or lost.
func TestChaos(t *testing.T) {
	tasks := 100_000
	if testing.Short() {
		tasks = 10_000
	}
	p := newPool(t, &pool.Options{Workers: 4})
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		kills := 0
		defer func() { stopped <- kills }()
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			balanced(t, p)
			workers := p.Stats().Workers
			if w := workers[rand.IntN(len(workers))]; w.PID != 0 && syscall.Kill(w.PID, syscall.SIGKILL) == nil {
				kills++
			}
		}
	}()
	seen := make([]int, tasks)
	lost := 0
	for r := range works.IMapUnordered(t.Context(), p, count(tasks)).Results() {
		seen[r.Index]++
		var gone *pool.WorkerLostError
		switch {
		case errors.As(r.Err, &gone):
			lost++
		case r.Err != nil || r.Value != r.Index+1:
			t.Fatalf("got %+v", r)
		}
	}
	close(stop)
	kills := <-stopped
	for i, n := range seen {
		if n != 1 {
			t.Fatalf("task %d ended %d times", i, n)
		}
	}
	s := p.Stats()
	if s.Done+s.Lost != uint64(tasks) || s.Lost != uint64(lost) || s.Pending != 0 || lost > kills {
		t.Fatalf("%d lost by %d kills: %+v", lost, kills, s)
	}
	t.Logf("%d kills, %d tasks lost", kills, lost)
}

// While workers are shot, age, idle and are resized, every task that may run again does, no two attempts of one are there at
// once, and the books balance at every moment.
func TestChaosOfLifecycles(t *testing.T) {
	tasks := 6000
	if testing.Short() {
		tasks = 1500
	}
	policy := pool.Retry{Attempts: 1000, Initial: time.Millisecond, Max: 5 * time.Millisecond}
	p := newPool(t, &pool.Options{
		Workers: 4, MaxAge: 150 * time.Millisecond, MaxTasksPerChild: 400, IdleTimeout: 5 * time.Millisecond, MinWorkers: 1, Spares: 1,
		Retry: &policy,
	})
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		kills := 0
		defer func() { stopped <- kills }()
		ticker := time.NewTicker(15 * time.Millisecond)
		defer ticker.Stop()
		for round := 0; ; round++ {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			balanced(t, p)
			if round%5 == 0 {
				if err := p.Resize(1 + rand.IntN(6)); err != nil {
					t.Error(err)
				}
			}
			workers := p.Stats().Workers
			if len(workers) == 0 {
				continue
			}
			if w := workers[rand.IntN(len(workers))]; w.PID != 0 && syscall.Kill(w.PID, syscall.SIGKILL) == nil {
				kills++
			}
		}
	}()
	folder := t.TempDir()
	seen := make([]int, tasks)
	for r := range alone.Idempotent().IMapUnordered(t.Context(), p, func(yield func(errand) bool) {
		for i := range tasks {
			if !yield(errand{Number: i, Folder: folder}) {
				return
			}
		}
	}).Results() {
		if r.Err != nil || r.Value != r.Index {
			t.Errorf("got %+v", r)
			break
		}
		seen[r.Index]++
	}
	close(stop)
	kills := <-stopped
	for i, n := range seen {
		if n != 1 && !t.Failed() {
			t.Errorf("task %d ended %d times", i, n)
		}
	}
	s := p.Stats()
	if s.Done != uint64(tasks) || s.Pending != 0 || s.Retries > uint64(kills) {
		t.Errorf("%d kills: %+v", kills, s)
	}
	t.Logf("%d kills, %d retries", kills, s.Retries)
}

// errand is a task that takes about a millisecond, during which it has a lock of its own, and a process that has it too.
type errand struct {
	Number int
	Folder string
}

var alone = pool.RegisterNamed("test.alone", func(ctx context.Context, e errand) (int, error) {
	lock := filepath.Join(e.Folder, strconv.Itoa(e.Number))
	file, err := os.OpenFile(lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return 0, errors.Join(errNotAlone, err)
	}
	if e.Number%50 == 0 { // it is left behind if this worker is killed
		c := exec.CommandContext(ctx, "sleep", "0.02")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		c.ExtraFiles = []*os.File{file}
		err = c.Run()
	}
	<-time.After(500 * time.Microsecond)
	return e.Number, errors.Join(err, os.Remove(lock))
})
