package pool_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/multiproc-go/multiproc/pool"
)

// step is what progressing does: it reports, waits for a file, and may die.
type step struct {
	Reports int
	Await   string
	Signal  int
	Message string
}

var progressing = pool.RegisterNamed("test.progressing", func(ctx context.Context, s step) (int, error) {
	for i := range s.Reports {
		pool.ReportProgress(ctx, pool.Progress{Done: int64(i + 1), Total: int64(s.Reports), Message: s.Message})
	}
	if s.Signal != 0 {
		_ = syscall.Kill(os.Getpid(), syscall.Signal(s.Signal))
		select {}
	}
	if s.Await != "" {
		return s.Reports, awaitFile(ctx, s.Await)
	}
	return s.Reports, nil
})

// straggles reports for a task that has ended, while the next one runs.
var straggles = pool.RegisterNamed("test.straggles", func(ctx context.Context, n int) (int, error) {
	if earlier := straggler; earlier != nil {
		for range 100 {
			earlier()
		}
	}
	straggler = func() { pool.ReportProgress(ctx, pool.Progress{Done: -1}) }
	pool.ReportProgress(context.WithoutCancel(ctx), pool.Progress{Done: int64(n)})
	return n, nil
})

var straggler func() // reports for the worker's last task

// seen collects what a function of WithProgress is called with.
type seen struct {
	mu      sync.Mutex // guards the fields below
	reports map[int][]pool.Progress
	ended   bool // no more may come
	late    int
	changed chan struct{}
}

func newSeen() *seen {
	return &seen{reports: map[int][]pool.Progress{}, changed: make(chan struct{}, 1)}
}

func (s *seen) add(index int, p pool.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		s.late++
	}
	s.reports[index] = append(s.reports[index], p)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *seen) end() map[int][]pool.Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	return s.reports
}

// await waits until the last report of the first task is of so much.
func (s *seen) await(t *testing.T, done int64) {
	t.Helper()
	for {
		s.mu.Lock()
		last := slices.Clone(s.reports[0])
		s.mu.Unlock()
		if len(last) > 0 && last[len(last)-1].Done >= done {
			return
		}
		select {
		case <-s.changed:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(10 * time.Second):
			t.Fatalf("no report of %d came: %v", done, last)
		}
	}
}

func TestProgressComesWhileTheTaskRuns(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	s := newSeen()
	file := filepath.Join(t.TempDir(), "go on")
	result, err := progressing.WithProgress(s.add).ApplyAsync(t.Context(), p, step{Reports: 3, Await: file, Message: "reading"})
	if err != nil {
		t.Fatal(err)
	}
	s.await(t, 3)
	want := pool.Progress{Done: 3, Total: 3, Message: "reading"}
	if got, ok := result.Progress(); !ok || got != want {
		t.Fatal(got, ok)
	}
	awaitStats(t, p, func(s pool.Stats) bool {
		return slices.ContainsFunc(s.Workers, func(w pool.WorkerStats) bool { return w.Progress == want })
	})
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := result.Get(t.Context()); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if got, ok := result.Progress(); !ok || got != want {
		t.Fatal(got, ok)
	}
	if got := p.Stats().Workers; slices.ContainsFunc(got, func(w pool.WorkerStats) bool { return w.Progress != pool.Progress{} }) {
		t.Fatalf("%+v", got)
	}
}

// Whoever only asks needs no function.
func TestProgressOfAResult(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	silent, err := double.ApplyAsync(t.Context(), p, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, ok := silent.Progress(); ok {
		t.Fatal(got)
	}
	file := filepath.Join(t.TempDir(), "go on")
	result, err := progressing.ApplyAsync(t.Context(), p, step{Reports: 2, Await: file})
	if err != nil {
		t.Fatal(err)
	}
	awaitStats(t, p, func(pool.Stats) bool { got, ok := result.Progress(); return ok && got.Done == 2 })
	result.Cancel()
	if _, err := result.Get(t.Context()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got, ok := result.Progress(); !ok || got.Done != 2 {
		t.Fatal(got, ok)
	}
}

// Each task's last report is passed on, though many tasks end between two looks, and none comes after its result.
func TestLastReportPrecedesEachResult(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	inputs := make([]step, 3000)
	for i := range inputs {
		inputs[i] = step{Reports: 1 + i%5}
	}
	s := newSeen()
	if _, err := progressing.WithProgress(s.add).Map(t.Context(), p, inputs); err != nil {
		t.Fatal(err)
	}
	checkReports(t, s.end(), inputs)

	s = newSeen()
	for r := range progressing.WithProgress(s.add).IMapUnordered(t.Context(), p, slices.Values(inputs)).Results() {
		s.mu.Lock()
		got := s.reports[r.Index]
		s.mu.Unlock()
		if r.Err != nil || len(got) == 0 || got[len(got)-1].Done != int64(r.Value) {
			t.Fatalf("task %d: %v, %v", r.Index, got, r.Err)
		}
	}
	checkReports(t, s.end(), inputs)
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.late > 0 {
		t.Fatal(s.late, "reports came after the results")
	}
}

func checkReports(t *testing.T, got map[int][]pool.Progress, inputs []step) {
	t.Helper()
	for i, input := range inputs {
		reports := got[i]
		if len(reports) == 0 || reports[len(reports)-1].Done != int64(input.Reports) {
			t.Fatalf("task %d of %d reports: %v", i, input.Reports, reports)
		}
		if !slices.IsSortedFunc(reports, func(a, b pool.Progress) int { return int(a.Done - b.Done) }) {
			t.Fatalf("task %d: %v", i, reports)
		}
	}
}

// A report that the worker made right before its death is passed on before the loss.
func TestProgressSurvivesTheWorker(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	for range 20 {
		s := newSeen()
		followed := progressing.WithProgress(s.add)
		result, err := followed.ApplyAsync(t.Context(), p, step{Reports: 7, Signal: int(syscall.SIGKILL)})
		if err != nil {
			t.Fatal(err)
		}
		var lost *pool.WorkerLostError
		if _, err := result.Get(t.Context()); !errors.As(err, &lost) {
			t.Fatal(err)
		}
		reports := s.end()[0]
		if len(reports) == 0 || reports[len(reports)-1].Done != 7 {
			t.Fatal(reports)
		}
		if got, ok := result.Progress(); !ok || got.Done != 7 {
			t.Fatal(got, ok)
		}
		if n, err := followed.Apply(t.Context(), p, step{Reports: 1}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
}

// A flood of reports costs neither the task its time nor the caller memory, and a slow function delays its own task alone.
func TestProgressFlood(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	begun, release := make(chan struct{}, 1), make(chan struct{})
	calls := 0
	slow, err := progressing.WithProgress(func(int, pool.Progress) {
		calls++
		if calls == 1 {
			begun <- struct{}{}
			<-release
		}
	}).ApplyAsync(t.Context(), p, step{Reports: 200_000})
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	if n, err := double.Apply(t.Context(), p, 21); n != 42 || err != nil { // the worker is free again
		t.Fatal(n, err)
	}
	if slow.Ready() {
		t.Fatal("the result came before the function had returned")
	}
	close(release)
	if n, err := slow.Get(t.Context()); n != 200_000 || err != nil {
		t.Fatal(n, err)
	}
	if got, _ := slow.Progress(); got.Done != 200_000 || calls > 2 {
		t.Fatal(got, calls)
	}
}

func TestProgressOfAnEndedTask(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	s := newSeen()
	inputs := make([]int, 500)
	for i := range inputs {
		inputs[i] = i
	}
	if _, err := straggles.WithProgress(s.add).Map(t.Context(), p, inputs); err != nil {
		t.Fatal(err)
	}
	for i, reports := range s.end() {
		for _, r := range reports {
			if r.Done != int64(i) {
				t.Fatalf("task %d: %v", i, reports)
			}
		}
	}
	pool.ReportProgress(t.Context(), pool.Progress{Done: 1}) // no task's: nothing happens
}

func TestProgressMessageIsCut(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	for _, message := range []string{strings.Repeat("é", 1000), "x" + strings.Repeat("é", 1000), strings.Repeat("a", pool.MaxProgressMessage)} {
		result, err := progressing.ApplyAsync(t.Context(), p, step{Reports: 1, Message: message})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := result.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, _ := result.Progress()
		if !strings.HasPrefix(message, got.Message) || !utf8.ValidString(got.Message) || len(got.Message) < pool.MaxProgressMessage-1 {
			t.Fatalf("%d bytes: %q", len(got.Message), got.Message)
		}
	}
}

func TestProgressOfAMap(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	file := filepath.Join(t.TempDir(), "go on")
	result, err := progressing.MapAsync(t.Context(), p, []step{{}, {Await: file}, {}})
	if err != nil {
		t.Fatal(err)
	}
	awaitStats(t, p, func(pool.Stats) bool {
		got, ok := result.Progress()
		return ok && got == pool.Progress{Done: 2, Total: 3}
	})
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := result.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := result.Progress(); got.Done != 3 {
		t.Fatal(got)
	}
}
