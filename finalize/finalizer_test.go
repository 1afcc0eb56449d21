package finalize

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// journal notes who ran, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) noting(line string, err error) func(context.Context) error {
	return func(context.Context) error {
		j.note(line)
		return err
	}
}

func (j *journal) check(t *testing.T, want ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, want) {
		t.Errorf("ran %q, want %q", j.lines, want)
	}
}

func TestRunOrder(t *testing.T) {
	var (
		r Registry
		j journal
	)
	r.Register(PriorityFiles, j.noting("files", nil))
	r.Register(PriorityManager, j.noting("first manager", nil))
	r.Register(PriorityPool, func(context.Context) error {
		j.note("pool")
		r.Register(PriorityManager, j.noting("late manager", nil))
		return nil
	})
	r.Register(PriorityManager, j.noting("second manager", nil))
	r.Register(PriorityProcess, j.noting("process", nil))
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.check(t, "pool", "late manager", "second manager", "first manager", "process", "files")
	if len(r.list) > 0 {
		t.Errorf("%d finalizers are still in the registry", len(r.list))
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.check(t, "pool", "late manager", "second manager", "first manager", "process", "files")
}

func TestRunJoinsErrors(t *testing.T) {
	var r Registry
	first, second := errors.New("first"), errors.New("second")
	r.Register(2, func(context.Context) error { return first })
	r.Register(1, func(context.Context) error { panic(second) })
	r.Register(0, func(context.Context) error {
		runtime.Goexit()
		return nil
	})
	err := r.Run(t.Context())
	var panicked *PanicError
	if !errors.Is(err, first) || !errors.Is(err, second) || !errors.As(err, &panicked) {
		t.Fatalf("error is %v", err)
	}
	if !strings.Contains(string(panicked.Stack), "TestRunJoinsErrors") {
		t.Errorf("the stack does not show who panicked:\n%s", panicked.Stack)
	}
	if lines := strings.Count(err.Error(), "finalizer_test.go:"); lines != 3 {
		t.Errorf("%d places of registration in %q, want 3", lines, err)
	}
	if !strings.Contains(err.Error(), "Goexit") {
		t.Errorf("error is %v", err)
	}
}

func TestProcessWideRun(t *testing.T) {
	boom := errors.New("boom")
	f := Register(0, func(context.Context) error { return boom })
	if !f.Active() {
		t.Error("not active")
	}
	err := Run(t.Context())
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "finalizer_test.go:") {
		t.Errorf("error is %v", err)
	}
	if f.Active() {
		t.Error("still active")
	}
}

func TestCallAtMostOnce(t *testing.T) {
	var (
		r     Registry
		count atomic.Int32
		wait  sync.WaitGroup
	)
	failure := errors.New("failure")
	f := r.Register(0, func(context.Context) error {
		count.Add(1)
		return failure
	})
	for range 20 {
		wait.Go(func() {
			if err := f.Call(t.Context()); !errors.Is(err, failure) {
				t.Errorf("error is %v", err)
			}
		})
	}
	wait.Go(func() {
		if err := r.Run(t.Context()); err != nil && !errors.Is(err, failure) {
			t.Errorf("error is %v", err)
		}
	})
	wait.Wait()
	if n := count.Load(); n != 1 {
		t.Errorf("called %d times", n)
	}
	if f.Cancel() || f.Active() {
		t.Error("active after it was called")
	}
}

func TestCancel(t *testing.T) {
	var r Registry
	f := r.Register(0, func(context.Context) error {
		t.Error("called")
		return nil
	})
	if !f.Cancel() {
		t.Error("Cancel of an active finalizer reports false")
	}
	if f.Cancel() || f.Active() {
		t.Error("active after Cancel")
	}
	if len(r.list) > 0 {
		t.Error("still in the registry")
	}
	if err := errors.Join(f.Call(t.Context()), r.Run(t.Context())); err != nil {
		t.Error(err)
	}
}

// hanging returns a finalizer that ignores its context until the test releases it.
func hanging(release <-chan struct{}) func(context.Context) error {
	return func(context.Context) error {
		<-release
		return nil
	}
}

func TestRunLeavesHangingFinalizerBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			r Registry
			j journal
		)
		release := make(chan struct{})
		defer close(release)
		r.Register(2, hanging(release))
		r.Register(1, func(ctx context.Context) error { // obeys its context
			<-ctx.Done()
			j.note("obedient")
			return nil
		})
		r.Register(0, func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			if left, want := time.Until(deadline), (4*time.Second-returnTime)/2; left != want {
				t.Errorf("the last one has %v left, want all the rest, %v", left, want)
			}
			j.note("last")
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		began := time.Now()
		err := r.Run(ctx)
		if !errors.Is(err, ErrAbandoned) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		if took, want := time.Since(began), 4*time.Second+returnTime+(4*time.Second-returnTime)/2; took != want {
			t.Errorf("took %v, want %v", took, want)
		}
		j.check(t, "obedient", "last")
	})
}

func TestRunWithoutDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			r Registry
			j journal
		)
		release := make(chan struct{})
		defer close(release)
		r.Register(1, hanging(release))
		r.Register(0, j.noting("last", nil))
		began := time.Now()
		if err := r.Run(t.Context()); !errors.Is(err, ErrAbandoned) {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(began); took != DefaultTimeout+returnTime {
			t.Errorf("took %v", took)
		}
		j.check(t, "last")
	})
}

// All that is there is called, even if there is no time left; but a finalizer that
// registers itself again does not keep Run for ever.
func TestRunWithAContextThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			r Registry
			j journal
		)
		release := make(chan struct{})
		defer close(release)
		r.Register(3, hanging(release))
		var again func(context.Context) error
		again = func(context.Context) error {
			j.note("again")
			r.Register(2, again)
			return nil
		}
		r.Register(2, again)
		r.Register(1, j.noting("last", nil))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if err := r.Run(ctx); !errors.Is(err, ErrAbandoned) || !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(began); took != returnTime {
			t.Errorf("took %v", took)
		}
		j.check(t, "again", "last")
	})
}

// An abandoned finalizer goes on, and tells its outcome to who calls later.
func TestCallAfterAbandonedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		failure := errors.New("failure")
		f := r.Register(0, func(context.Context) error {
			<-time.After(time.Minute) // in the time of synctest
			return failure
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Call(ctx); !errors.Is(err, ErrAbandoned) {
			t.Errorf("first call: %v", err)
		}
		if f.Active() {
			t.Error("active while it runs")
		}
		if err := f.Call(t.Context()); !errors.Is(err, failure) {
			t.Errorf("second call: %v", err)
		}
	})
}

func TestConcurrentRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		var ended atomic.Bool
		r.Register(0, func(context.Context) error {
			<-time.After(time.Second) // in the time of synctest
			ended.Store(true)
			return nil
		})
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() {
				if err := r.Run(t.Context()); err != nil || !ended.Load() {
					t.Errorf("Run returned before the finalizer had: %v", err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a Run without time to wait for the first one: %v", err)
		}
		wait.Wait()
	})
}

func TestNilFunctionsPanic(t *testing.T) {
	for name, call := range map[string]func(){
		"Register":  func() { Register(0, nil) },
		"AfterFork": func() { AfterFork("nothing", nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s accepts a nil function", name)
				}
			}()
			call()
		}()
	}
}
