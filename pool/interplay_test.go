package pool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// Each of these has parts of the pool meet that were made for themselves.

// patient is a policy for tasks whose workers are shot again and again.
var patient = pool.Retry{Attempts: 1 << 20, Initial: time.Millisecond, Max: 5 * time.Millisecond}

// large returns so many arguments that travel by the arena, or as frames where it has no room.
func large(n int) [][]byte {
	inputs := make([][]byte, n)
	for i := range inputs {
		inputs[i] = bytes.Repeat([]byte{byte(i), byte(i >> 8), 7}, (1<<20)/3+i)
	}
	return inputs
}

// Large arguments are whole at each attempt: those that the pool has encoded, and those that stay with their caller.
func TestLargeArgumentsOfRetries(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 3, Retry: &patient})
	kills, stop := killer(t, p)
	inputs := large(24)
	wanted := uint64(20)
	if testing.Short() {
		wanted = 4
	}
	rounds := uint64(0)
	for ; p.Stats().Retries < wanted && !t.Failed(); rounds++ {
		outputs, err := echo.Idempotent().Map(t.Context(), p, inputs)
		if err != nil {
			t.Error(err)
			break
		}
		var callers sync.WaitGroup
		for i, in := range inputs {
			if !bytes.Equal(outputs[i], in) {
				t.Errorf("task %d of a Map has another result", i)
			}
			if i%4 > 0 {
				continue
			}
			callers.Go(func() {
				if out, err := echo.Idempotent().Apply(t.Context(), p, in); err != nil || !bytes.Equal(out, in) {
					t.Errorf("call %d: %v", i, err)
				}
			})
		}
		callers.Wait()
	}
	stop()
	if s := p.Stats(); !t.Failed() && (s.Done != 30*rounds || s.Pending != 0 || s.Lost != 0) {
		t.Errorf("%d rounds: %+v", rounds, s)
	}
	t.Logf("%d kills, %d retries in %d rounds", kills.Load(), p.Stats().Retries, rounds)
}

// While a Map's runs are under way, workers come, go and are shot: each task ends once, with its result or lost.
func TestResizeDuringRuns(t *testing.T) {
	n := 200_000
	if testing.Short() {
		n = 20_000
	}
	p := newPool(t, &pool.Options{Workers: 4})
	quit, ended := make(chan struct{}), make(chan struct{})
	kills := uint64(0)
	go func() { // ends when quit is closed, which the test does and waits for
		defer close(ended)
		for round := 0; ; round++ {
			select {
			case <-quit:
				return
			case <-time.After(60 * time.Millisecond):
			}
			if err := p.Resize([]int{1, 4, 2, 5}[round%4]); err != nil {
				t.Error(err)
			}
			balanced(t, p)
			workers := p.Stats().Workers
			if w := workers[rand.IntN(len(workers))]; round%3 == 0 && w.PID != 0 && syscall.Kill(w.PID, syscall.SIGKILL) == nil {
				kills++
			}
		}
	}()
	inputs := make([]int, n)
	for i := range inputs {
		inputs[i] = i
	}
	lost := map[int]bool{}
	outputs, err := works.Map(t.Context(), p, inputs)
	var failed *pool.MapError
	if errors.As(err, &failed) {
		for _, f := range failed.Failed {
			if lost[f.Index] || !errors.As(f.Err, new(*pool.WorkerLostError)) {
				t.Error(f)
			}
			lost[f.Index] = true
		}
	} else if err != nil {
		t.Error(err)
	}
	close(quit)
	<-ended
	for i, got := range outputs {
		if got != i+1 && !lost[i] {
			t.Fatalf("task %d has the result %d", i, got)
		}
	}
	s := p.Stats()
	if s.Lost != uint64(len(lost)) || s.Done+s.Lost != uint64(n) || s.Pending != 0 || s.Lost > kills {
		t.Errorf("%d lost by %d kills: %+v", len(lost), kills, s)
	}
	t.Logf("%d kills, %d lost", kills, len(lost))
}

// A worker ends so many tasks as it may, and not one more, also where they come in runs, fail and are run again.
func TestMaxTasksPerChildOfRuns(t *testing.T) {
	d := &diary{t: t}
	p := newPool(t, &pool.Options{Workers: 3, MaxTasksPerChild: 150, OnWorker: d.write})
	quit := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for {
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond):
				balanced(t, p)
			}
		}
	})
	others.Go(func() {
		inputs := make([]trouble, 200)
		for i := range inputs {
			inputs[i] = trouble{How: "fail", Until: 1 + i%3}
		}
		if _, err := troubled.WithRetry(soon).Map(t.Context(), p, inputs); err != nil {
			t.Error(err)
		}
		close(quit)
	})
	outputs, err := works.Map(t.Context(), p, make([]int, 5000))
	others.Wait()
	if err != nil || outputs[4999] != 1 {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Done != 5200 || s.Submitted != 5200 || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	full := 0
	for _, e := range d.exits(pool.ExitTasks) {
		if full++; e.Tasks != 150 {
			t.Errorf("a worker has left with %d tasks", e.Tasks)
		}
	}
	if full < 25 {
		t.Errorf("%d workers have had their number", full)
	}
	d.inOrder()
}

// What workers log that are spares first, and are shot later, is passed on before their tasks' outcomes, whole.
func TestLogsOfSparesThatDie(t *testing.T) {
	var got lines
	p := newPool(t, &pool.Options{
		Workers: 2, Spares: 2, MaxTasksPerChild: 7, Logger: got.logger(), ForwardLogs: slog.LevelInfo,
	})
	const n = 60
	payload := bytes.Repeat([]byte{1}, 1<<20)
	died := 0
	for i := range n {
		task := logged{Records: 3, Text: fmt.Sprint(i)}
		if i%5 == 0 {
			task.Signal = int(syscall.SIGKILL)
			died++
		}
		_, err := logsRecords.Apply(t.Context(), p, task)
		if (err != nil) != (task.Signal != 0) || err != nil && !errors.As(err, new(*pool.WorkerLostError)) {
			t.Fatal(i, err)
		}
		if out, err := echo.Apply(t.Context(), p, payload); err != nil || !bytes.Equal(out, payload) {
			t.Fatal(i, err)
		}
		balanced(t, p)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	records := got.named(t, "record")
	if s := p.Stats(); len(records) != 3*n || s.LogsDropped != 0 || s.Lost != uint64(died) {
		t.Errorf("%d records, %+v", len(records), s)
	}
	for _, r := range records {
		if worker, _ := r["worker"].(map[string]any); worker["function"] != "test.logs" {
			t.Fatal(r)
		}
	}
}

// reportsAndDies reports its attempt and how far that is, and ends all attempts but the third in different ways.
var reportsAndDies = pool.RegisterNamed("test.reportsAndDies", func(ctx context.Context, n int) (int, error) {
	attempt := pool.Attempt(ctx)
	for i := range 50 {
		pool.ReportProgress(ctx, pool.Progress{Done: int64(i), Total: int64(attempt)})
	}
	switch {
	case attempt == 3:
		return n, nil
	case (n+attempt)%3 == 0:
		return 0, errSentinel
	case (n+attempt)%3 == 1:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	<-ctx.Done() // a timeout
	return 0, ctx.Err()
})

// Reports of one attempt come before those of the next, and none after the result; the last one is not missed.
func TestProgressOfAttempts(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 3, Grace: 50 * time.Millisecond})
	var s *seen
	f := reportsAndDies.WithTimeout(150 * time.Millisecond).WithRetry(soon).WithProgress(func(index int, r pool.Progress) {
		s.add(index, r)
		if index%2 == 0 {
			<-time.After(time.Millisecond) // an outcome has to wait for that
		}
	})
	for range 3 {
		s = newSeen()
		const n = 12
		inputs := make([]int, n)
		for i := range inputs {
			inputs[i] = i
		}
		if _, err := f.Map(t.Context(), p, inputs); err != nil {
			t.Fatal(err)
		}
		balanced(t, p)
		reports := s.end()
		for i := range n {
			before := pool.Progress{}
			for _, r := range reports[i] {
				if r.Total < before.Total || r.Total == before.Total && r.Done <= before.Done && before.Total > 0 {
					t.Fatalf("task %d: %v comes after %v", i, r, before)
				}
				before = r
			}
			if before.Total != 3 || before.Done != 49 {
				t.Errorf("task %d: the last report was %v", i, before)
			}
		}
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.late > 0 {
		t.Errorf("%d reports came after the result", s.late)
	}
}

// The tasks of a run, too, have as many workers started again as there are tasks.
func TestRunsCallWorkers(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 3, IdleTimeout: 20 * time.Millisecond})
	awaitStats(t, p, workerCount(0))
	open := filepath.Join(t.TempDir(), "open")
	running, err := waitsFor.MapAsync(t.Context(), p, []string{open, open, open})
	if err != nil {
		t.Fatal(err)
	}
	awaitStats(t, p, func(s pool.Stats) bool {
		busy := 0
		for _, w := range s.Workers {
			if w.State == pool.Busy {
				busy++
			}
		}
		return busy == 3
	})
	if err := os.WriteFile(open, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, running); err != nil {
		t.Fatal(err)
	}
}

// A sequence that ends because its context has looks like one that is cut short, though nothing of it is left to be taken.
func TestSequenceEndsWithItsContext(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	for range 10 {
		ctx, cancel := context.WithCancelCause(t.Context())
		it := double.IMap(ctx, p, func(yield func(int) bool) {
			if yield(1) {
				<-ctx.Done()
			}
		})
		if r, err := it.Next(t.Context()); err != nil || r.Value != 2 {
			t.Fatal(r, err)
		}
		cancel(errSentinel)
		for range 5 { // before the sequence has ended, and then
			if _, err := it.Next(t.Context()); !errors.Is(err, pool.ErrCutShort) || !errors.Is(err, errSentinel) {
				t.Fatal(err)
			}
			<-time.After(time.Millisecond)
		}
		it.Close()
	}
}

// A successor waits for a long task's end, however short MaxAge is.
func TestSuccessorOutlivesMaxAge(t *testing.T) {
	d := &diary{t: t}
	p := newPool(t, &pool.Options{Workers: 1, MaxAge: 50 * time.Millisecond, OnWorker: d.write})
	long, err := sleeps.ApplyAsync(t.Context(), p, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, long); err != nil {
		t.Fatal(err)
	}
	if surplus := d.exits(pool.ExitSurplus); len(surplus) > 0 {
		t.Errorf("%d successors came and went: %+v", len(surplus), surplus)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	d.inOrder()
}

// Calls that are cancelled, time out, are shot and run again, large and small, alone and in runs, balance at every moment.
func TestBooksOfEverything(t *testing.T) {
	p := newPool(t, &pool.Options{
		Workers: 3, Grace: 30 * time.Millisecond, MaxTasksPerChild: 300, MaxAge: 200 * time.Millisecond, Spares: 1, Retry: &patient,
	})
	kills, stop := killer(t, p)
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for round := range 15 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+rand.IntN(60))*time.Millisecond)
				switch (caller + round) % 4 {
				case 0:
					_, _ = works.Map(ctx, p, make([]int, 20_000))
				case 1:
					_, _ = echo.Idempotent().Map(ctx, p, large(8))
				case 2:
					_, _ = sleeps.WithRetry(soon).WithTimeout(5*time.Millisecond).Map(ctx, p, make([]time.Duration, 50))
				case 3:
					for range double.IMapUnordered(ctx, p, count(5000)).All() {
						balanced(t, p)
					}
				}
				cancel()
				balanced(t, p)
			}
		})
	}
	callers.Wait()
	stop()
	awaitStats(t, p, func(s pool.Stats) bool { return s.Pending == 0 })
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills: %+v", kills.Load(), p.Stats())
}
