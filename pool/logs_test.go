package pool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// logged is how logs logs: so many records, and then maybe its worker's death.
type logged struct {
	Records int
	Signal  int
	Text    string
}

var (
	logsRecords = pool.RegisterNamed("test.logs", func(ctx context.Context, l logged) (int, error) {
		for i := range l.Records {
			slog.InfoContext(ctx, "record", "n", i, "text", l.Text)
		}
		if l.Signal != 0 {
			_ = syscall.Kill(os.Getpid(), syscall.Signal(l.Signal))
			select {}
		}
		return os.Getpid(), nil
	})
	logsEverywhere = pool.RegisterNamed("test.logsEverywhere", func(ctx context.Context, _ int) (int, error) {
		slog.DebugContext(ctx, "debug")
		slog.InfoContext(ctx, "with its context")
		slog.Warn("without", slog.Group("g", "a", 1))
		log.Print("package log")
		ownLogger.With("x", 1).WithGroup("h").Error("a logger of its own", "y", 2)
		return os.Getpid(), nil
	})
	logsAtStart = pool.RegisterInitializer(logAndMayFail)
)

var ownLogger = slog.New(pool.LogHandler())

func logAndMayFail(_ context.Context, failure string) error {
	slog.Info("initializing")
	if failure != "" {
		return errors.New(failure)
	}
	return nil
}

// lines are what a JSONHandler has written.
type lines struct {
	mu    sync.Mutex // guards the fields below
	text  strings.Builder
	block chan struct{} // while it is open, Write waits
}

func (l *lines) Write(b []byte) (int, error) {
	if l.block != nil {
		<-l.block
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// named returns the records with a message, which is removed from them with time and level.
func (l *lines) named(t *testing.T, message string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(l.text.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["msg"] == message {
			delete(fields, "msg")
			delete(fields, "time")
			found = append(found, fields)
		}
	}
	return found
}

func TestLogsAreForwarded(t *testing.T) {
	var got lines
	p := newPool(t, &pool.Options{
		Workers: 1, Name: "forwarding", Logger: got.logger(), ForwardLogs: slog.LevelInfo, Initializer: logsAtStart.With(""),
	})
	if _, err := double.Apply(t.Context(), p, 1); err != nil {
		t.Fatal(err)
	}
	pids, err := logsEverywhere.Map(t.Context(), p, []int{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid := float64(pids[0])
	for message, want := range map[string]string{
		"with its context":    "map[level:INFO]",
		"without":             "map[g:map[a:1] level:WARN]",
		"package log":         "map[level:INFO]",
		"a logger of its own": "map[h:map[y:2] level:ERROR x:1]",
	} {
		records := got.named(t, message)
		if len(records) != 2 {
			t.Fatalf("%s: %v", message, records)
		}
		for i, r := range records {
			worker := map[string]any{"pool": "forwarding", "pid": pid, "function": "test.logsEverywhere", "task": float64(2 + i), "index": float64(i), "attempt": 1.0}
			if !maps.Equal(r["worker"].(map[string]any), worker) {
				t.Errorf("%s: got %v, want %v", message, r["worker"], worker)
			}
			delete(r, "worker")
			if fmt.Sprint(r) != want {
				t.Errorf("%s: got %v, want %s", message, r, want)
			}
		}
	}
	if records := got.named(t, "debug"); len(records) > 0 {
		t.Errorf("below the level: %v", records)
	}
	if records := got.named(t, "initializing"); len(records) != 1 || len(records[0]["worker"].(map[string]any)) != 2 {
		t.Errorf("outside of tasks: %v", records)
	}
}

// What a task logged before its worker was killed is there.
func TestLogsSurviveTheWorker(t *testing.T) {
	var got lines
	p := newPool(t, &pool.Options{Workers: 2, Logger: got.logger(), ForwardLogs: slog.LevelInfo})
	const rounds, records = 20, 50
	for range rounds {
		var lost *pool.WorkerLostError
		if _, err := logsRecords.Apply(t.Context(), p, logged{Records: records, Signal: int(syscall.SIGKILL)}); !errors.As(err, &lost) {
			t.Fatal(err)
		}
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(got.named(t, "record")); n != rounds*records {
		t.Fatalf("%d records of %d", n, rounds*records)
	}
	if s := p.Stats(); s.LogsDropped != 0 {
		t.Fatal(s.LogsDropped)
	}
}

// Records of a task that is run again say in which attempt they were logged.
func TestLogsOfAttempts(t *testing.T) {
	var got lines
	p := newPool(t, &pool.Options{Workers: 2, Logger: got.logger(), ForwardLogs: slog.LevelInfo})
	policy := pool.Retry{Attempts: 3, Initial: time.Millisecond}
	if _, err := logsRecords.WithRetry(policy).Apply(t.Context(), p, logged{Records: 2, Signal: int(syscall.SIGKILL)}); err == nil {
		t.Fatal("no attempt was lost")
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var attempts []any
	for _, r := range got.named(t, "record") {
		attempts = append(attempts, r["worker"].(map[string]any)["attempt"])
	}
	if fmt.Sprint(attempts) != "[1 1 2 2 3 3]" {
		t.Errorf("attempts %v", attempts)
	}
}

// A flood of records stalls no task though nobody takes them; those that have no room are counted and told of.
func TestLogFlood(t *testing.T) {
	got := lines{block: make(chan struct{})}
	open := sync.OnceFunc(func() { close(got.block) })
	defer open()
	// The pool's own events would wait for the same writer.
	forwarded := slog.New(onlyRecords{got.logger().Handler()})
	p := newPool(t, &pool.Options{Workers: 1, Logger: forwarded, ForwardLogs: slog.LevelInfo})
	const records = 50_000
	pid, err := logsRecords.Apply(t.Context(), p, logged{Records: records, Text: strings.Repeat("x", 100)})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := workerPID.Apply(t.Context(), p, struct{}{}); err != nil || again != pid {
		t.Fatal(again, pid, err)
	}
	open()
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	came, dropped := len(got.named(t, "record")), p.Stats().LogsDropped
	if came < 1000 || dropped == 0 || uint64(came)+dropped != records {
		t.Fatalf("%d came and %d were dropped of %d", came, dropped, records)
	}
	told := 0.
	for _, r := range got.named(t, "log records of a worker were dropped, because they came faster than they were taken") {
		told += r["dropped"].(float64)
	}
	if uint64(told) != dropped {
		t.Fatalf("told of %v, counted %d", told, dropped)
	}
}

// onlyRecords leaves out the pool's events about its workers.
type onlyRecords struct{ slog.Handler }

func (h onlyRecords) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "record" || strings.HasPrefix(r.Message, "log records") {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

// What was logged by a worker that did not start is not lost.
func TestLogsOfAFailedStart(t *testing.T) {
	var got lines
	_, err := pool.New(t.Context(), &pool.Options{
		Workers: 1, Logger: got.logger(), ForwardLogs: slog.LevelInfo, StartFailures: 1, Initializer: logsAtStart.With("no such database"),
	})
	if !errors.Is(err, pool.ErrPoolBroken) {
		t.Fatal(err)
	}
	records := got.named(t, "initializing")
	if len(records) != 1 || records[0]["worker"].(map[string]any)["pid"].(float64) <= 1 {
		t.Fatal(records)
	}
}

func TestForwardLogsNeedsALogger(t *testing.T) {
	if _, err := pool.New(t.Context(), &pool.Options{ForwardLogs: slog.LevelInfo}); err == nil || !strings.Contains(err.Error(), "ForwardLogs") {
		t.Fatal(err)
	}
}

func TestHostedPoolForwardsNoLogs(t *testing.T) {
	var got lines
	o := &pool.Options{Logger: got.logger(), ForwardLogs: slog.LevelInfo}
	if _, err := pool.NewHosted(t.Context(), nil, o, nil); err == nil || !strings.Contains(err.Error(), "ForwardLogs") {
		t.Fatal(err)
	}
}

// A program that does not forward logs as it did.
func TestLogsAreNotForwardedUnasked(t *testing.T) {
	var got, stderr lines
	p := newPool(t, &pool.Options{Workers: 1, Logger: got.logger(), Spawn: &spawn.Options{Stderr: &stderr}})
	if _, err := logsEverywhere.Apply(t.Context(), p, 0); err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if records := got.named(t, "without"); len(records) > 0 {
		t.Fatal(records)
	}
	stderr.mu.Lock()
	defer stderr.mu.Unlock()
	if text := stderr.text.String(); !strings.Contains(text, "WARN without g.a=1") || strings.Contains(text, "of its own") {
		t.Fatal(text)
	}
}
