package pool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// diary keeps events, and fails when one comes while another is told.
type diary struct {
	t       *testing.T
	telling sync.Mutex

	mu     sync.Mutex // guards the field below
	events []pool.WorkerEvent
}

func (d *diary) write(e pool.WorkerEvent) {
	if !d.telling.TryLock() {
		d.t.Error("two events are told at once")
		return
	}
	defer d.telling.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

func (d *diary) all() []pool.WorkerEvent {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

// exits returns the exits with a cause.
func (d *diary) exits(cause pool.ExitCause) (found []pool.WorkerEvent) {
	for _, e := range d.all() {
		if e.Kind == pool.WorkerExited && e.Cause == cause {
			found = append(found, e)
		}
	}
	return found
}

// inOrder checks that each process was ready once before its exit, and that as many have started as have ended. One that did not
// start, because of a fault or the pool's end, has an error.
func (d *diary) inOrder() {
	d.t.Helper()
	state := map[int]pool.WorkerEventKind{}
	started, exited := 0, 0
	for _, e := range d.all() {
		switch e.Kind {
		case pool.WorkerStarted:
			started++
			continue
		case pool.WorkerExited:
			exited++
		}
		if before := state[e.PID]; e.Err == nil {
			wanted := map[pool.WorkerEventKind][]pool.WorkerEventKind{
				pool.WorkerSpare: {""}, pool.WorkerReady: {"", pool.WorkerSpare}, pool.WorkerExited: {pool.WorkerSpare, pool.WorkerReady},
			}[e.Kind]
			if !slices.Contains(wanted, before) {
				d.t.Errorf("%s of %d comes after %q", e.Kind, e.PID, before)
			}
		}
		state[e.PID] = e.Kind
	}
	if started != exited {
		d.t.Errorf("%d have started, %d ended", started, exited)
	}
}

// Every exit is told with its cause, and everything in order.
func TestWorkerEvents(t *testing.T) {
	d := &diary{t: t}
	o := &pool.Options{Workers: 2, Grace: 30 * time.Millisecond, MaxTasksPerChild: 4, MaxMemory: 128 << 20, OnWorker: d.write}
	p := newPool(t, o)
	expect := func(cause pool.ExitCause, check func(pool.WorkerEvent) bool) {
		t.Helper()
		hostedEventually(t, string(cause), func() bool { return slices.ContainsFunc(d.exits(cause), check) })
	}
	_, err := dies.Apply(t.Context(), p, int(syscall.SIGKILL))
	var lost *pool.WorkerLostError
	if !errors.As(err, &lost) {
		t.Fatal(err)
	}
	expect(pool.ExitCrashed, func(e pool.WorkerEvent) bool { return e.PID == lost.PID && e.Signal == syscall.SIGKILL && e.Worker > 0 })
	_, _ = exits.Apply(t.Context(), p, 7)
	expect(pool.ExitCrashed, func(e pool.WorkerEvent) bool { return e.ExitCode == 7 && e.Signal == 0 })
	_, _ = ignores.WithTimeout(20*time.Millisecond).Apply(t.Context(), p, time.Minute)
	expect(pool.ExitTimedOut, func(e pool.WorkerEvent) bool { return e.Tasks == 0 })
	stubborn, err := ignores.ApplyAsync(t.Context(), p, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	awaitStats(t, p, func(s pool.Stats) bool { return s.Waiting == 0 })
	stubborn.Cancel()
	if _, err := get(t, stubborn); err == nil {
		t.Fatal("it was not cancelled")
	}
	_, _ = hoards.Apply(t.Context(), p, 256<<20)
	expect(pool.ExitMemory, func(e pool.WorkerEvent) bool { return errors.Is(e.Err, pool.ErrMemoryLimit) })
	for range 20 {
		if _, err := double.Apply(t.Context(), p, 1); err != nil {
			t.Fatal(err)
		}
	}
	expect(pool.ExitTasks, func(e pool.WorkerEvent) bool { return e.Tasks == 4 })
	awaitStats(t, p, func(s pool.Stats) bool {
		return len(s.Workers) == 2 && s.Workers[0].State == pool.Idle && s.Workers[1].State == pool.Idle
	})
	if err := p.Resize(1); err != nil {
		t.Fatal(err)
	}
	expect(pool.ExitResized, func(e pool.WorkerEvent) bool { return e.Worker == 2 })
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(pool.ExitShutdown, func(e pool.WorkerEvent) bool { return e.Worker == 1 })
	d.inOrder()
}

// A worker that idles, that is old, that does not start, and a spare.
func TestWorkerEventsOfRecycling(t *testing.T) {
	d := &diary{t: t}
	p := newPool(t, &pool.Options{Workers: 1, IdleTimeout: 20 * time.Millisecond, Spares: 1, OnWorker: d.write})
	hostedEventually(t, "an idle worker leaves, and a spare is there", func() bool {
		return len(d.exits(pool.ExitIdle)) == 1 &&
			slices.ContainsFunc(d.all(), func(e pool.WorkerEvent) bool { return e.Kind == pool.WorkerSpare })
	})
	if _, err := double.Apply(t.Context(), p, 1); err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.inOrder()
	if !slices.ContainsFunc(d.all(), func(e pool.WorkerEvent) bool {
		return e.Kind == pool.WorkerReady && e.Worker == 1 && strings.HasPrefix(e.Name, "pool-spare-")
	}) {
		t.Errorf("no spare got a place: %+v", d.all())
	}

	d = &diary{t: t}
	p = newPool(t, &pool.Options{Workers: 1, MaxAge: 200 * time.Millisecond, OnWorker: d.write})
	hostedEventually(t, "old workers leave", func() bool { return len(d.exits(pool.ExitAge)) == 3 })
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	d.inOrder()
	ready, old := 0, 0
	for _, e := range d.all() {
		switch {
		case e.Kind == pool.WorkerReady:
			ready++
		case e.Kind == pool.WorkerExited && e.Cause == pool.ExitAge:
			if old++; ready <= old {
				t.Errorf("the %d. old worker has left when %d had been ready", old, ready)
			}
		}
	}

	d = &diary{t: t}
	_, err := pool.New(t.Context(), &pool.Options{Workers: 1, Initializer: initFails.With("no such database"), OnWorker: d.write})
	if all := d.exits(pool.ExitNotStarted); err == nil || len(all) == 0 || !strings.Contains(all[0].Err.Error(), "no such database") {
		t.Errorf("%v: %+v", err, all)
	}
	d.inOrder()
}

// Whoever is told, and does not return, holds up nobody but those that wait for the pool's end.
func TestSlowOnWorkerStallsNothing(t *testing.T) {
	release := make(chan struct{})
	var telling atomic.Int32
	p := newPool(t, &pool.Options{Workers: 2, OnWorker: func(pool.WorkerEvent) {
		if telling.Add(1) > 1 {
			t.Error("two events are told at once")
		}
		defer telling.Add(-1)
		<-release
	}})
	t.Cleanup(func() { close(release) })
	for range 20 {
		_, _ = dies.Apply(t.Context(), p, int(syscall.SIGKILL))
		if _, err := double.Apply(t.Context(), p, 1); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	p.Close() // after Shutdown it does nothing
}

// Whoever waits for no longer than a context does so also where OnWorker never returns and the pool has to be ended.
func TestContextsEndInSpiteOfOnWorker(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	o := &pool.Options{Workers: 1, Grace: 20 * time.Millisecond, OnWorker: func(pool.WorkerEvent) { <-release }}
	p, err := pool.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	endless, err := ignores.ApplyAsync(t.Context(), p, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "a callback has not returned") {
		t.Error(err)
	}
	if _, err := get(t, endless); !errors.Is(err, pool.ErrClosed) {
		t.Error(err)
	}
	p.Close()

	o.Initializer = initHangs.With(struct{}{})
	if _, err := pool.New(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// What is logged names the worker, its process, the task and the attempt, in the group that forwarded records have too, and
// says nothing of what there is not.
func TestLogs(t *testing.T) {
	var buffer bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&buffer, &slog.HandlerOptions{Level: slog.LevelDebug}))
	policy := soon
	policy.Attempts = 2
	p := newPool(t, &pool.Options{Workers: 1, Grace: 20 * time.Millisecond, Retry: &policy, Logger: logger})
	_, _ = troubled.Idempotent().WithTimeout(50*time.Millisecond).Apply(t.Context(), p, trouble{How: "hang", Until: 9})
	_, _ = dies.Apply(t.Context(), p, int(syscall.SIGKILL))
	if _, err := double.Apply(t.Context(), p, 1); err != nil { // its worker is there when the pool ends
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`level=DEBUG msg="worker starts" worker.pool=pool worker.number=1 worker.name=pool-1
`,
		`msg="worker ready" worker.pool=pool worker.number=1 worker.name=pool-1 worker.pid=`,
		` worker.function=test.troubled worker.attempt=2 outcome="timed out"`,
		`level=WARN msg="task takes no notice of its cancellation; terminating its worker" worker.pool=pool worker.number=1 worker.name=pool-1 worker.pid=`,
		`msg="task is run again" worker.pool=pool worker.function=test.troubled worker.attempt=2 after=`,
		`cause="timed out" tasks=0`,
		` signal=SIGKILL cause=crashed tasks=0`,
		` exit=0 cause=shutdown tasks=1`,
	} {
		if !strings.Contains(buffer.String(), want) {
			t.Errorf("%s is not in\n%s", want, buffer.String())
		}
	}
	for _, none := range []string{"exit=-1", "signal=0", "signal 0", "pid=0", "number=0", "<nil>"} {
		if strings.Contains(buffer.String(), none) {
			t.Errorf("%s is in\n%s", none, buffer.String())
		}
	}
}

func ExampleWorkerEvent() {
	ctx := context.Background()
	crashed := make(chan pool.WorkerEvent, 1)
	p, err := pool.New(ctx, &pool.Options{Workers: 1, OnWorker: func(e pool.WorkerEvent) {
		if e.Kind == pool.WorkerExited && e.Cause == pool.ExitCrashed {
			crashed <- e
		}
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	_, err = crash.Apply(ctx, p, 0)
	e := <-crashed
	fmt.Println(err != nil, e.Kind, e.Cause, e.Worker, e.ExitCode)
	// Output: true exit crashed 1 3
}
