package pool_test

import (
	"bytes"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// Whoever looks at warnings alone hears of each task and each worker that was lost, and of nothing that was asked for.
func TestWarnings(t *testing.T) {
	var buffer bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&buffer, &slog.HandlerOptions{Level: slog.LevelWarn}))
	p := newPool(t, &pool.Options{Workers: 1, Grace: 20 * time.Millisecond, MaxMemory: 128 << 20, Logger: logger})
	_, _ = dies.Apply(t.Context(), p, int(syscall.SIGKILL))
	if _, err := exits.Map(t.Context(), p, []int{7}); err == nil {
		t.Error("no task was lost")
	}
	_, _ = dies.WithTimeout(20*time.Millisecond).Apply(t.Context(), p, int(syscall.SIGSTOP))
	_, _ = hoards.Apply(t.Context(), p, 256<<20)
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	about := func(function string) string {
		return " worker.name=pool-1 worker.pid=# worker.function=" + function
	}
	text := withoutPIDs(buffer.String())
	for _, want := range []string{
		about("test.dies") + " worker.attempt=1 signal=SIGKILL cause=crashed tasks=0\n",
		about("test.exits") + " worker.index=0 worker.attempt=1 exit=7 cause=crashed tasks=0\n",
		`msg="task is to end" worker.pool=pool worker.number=1` + about("test.dies") + ` worker.attempt=1 outcome="timed out"`,
		`msg="killing a worker and all that it started" worker.pool=pool worker.number=1` + about("test.dies") + ` worker.attempt=1 cause="pool: task timed out: `,
		about("test.dies") + ` worker.attempt=1 signal=SIGKILL cause="timed out" tasks=0`,
		about("test.hoards") + ` worker.attempt=1 signal=SIGKILL cause="memory limit" tasks=0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	for _, none := range []string{"exit=0", "worker ready", "worker starts"} {
		if strings.Contains(text, none) {
			t.Errorf("%s is in\n%s", none, text)
		}
	}
}

// So does whoever has an idle worker stopped, or a spare killed.
func TestWarningsOfIdleWorkers(t *testing.T) {
	d, got := &diary{t: t}, &lines{}
	p := newPool(t, &pool.Options{Workers: 1, Spares: 1, Logger: got.logger(), OnWorker: d.write})
	spares := func() (found []int) {
		for _, e := range d.all() {
			if e.Kind == pool.WorkerSpare {
				found = append(found, e.PID)
			}
		}
		return found
	}
	hostedEventually(t, "a spare", func() bool { return len(spares()) > 0 })
	if err := syscall.Kill(spares()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	hostedEventually(t, "the spare's end", func() bool { return len(d.exits(pool.ExitCrashed)) == 1 })
	if err := syscall.Kill(p.Stats().Workers[0].PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	hostedEventually(t, "the end of the one that is stopped", func() bool { // it may run another task before the signal stops it
		if _, err := double.Apply(t.Context(), p, 1); err != nil {
			t.Fatal(err)
		}
		return len(d.exits(pool.ExitBroken)) == 1
	})
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	causes := map[any]any{}
	for _, r := range got.named(t, "worker ended") {
		if r["level"] == "WARN" {
			causes[r["cause"]] = r["error"]
		}
	}
	if _, crashed := causes["crashed"]; !crashed || causes["broken"] == nil {
		t.Errorf("warned of %v", causes)
	}
}

// withoutPIDs writes # for each pid.
func withoutPIDs(text string) string {
	const key = "worker.pid="
	parts := strings.Split(text, key)
	for i := range parts[1:] {
		parts[i+1] = "#" + strings.TrimLeft(parts[i+1], "0123456789")
	}
	return strings.Join(parts, key)
}
