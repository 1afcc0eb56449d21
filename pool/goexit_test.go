package pool_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/multiproc-go/multiproc/pool"
)

// A worker whose tasks have ended their goroutines goes on with the same process, and leaves in good order.
func TestWorkerLeavesInOrderAfterGoexit(t *testing.T) {
	var mu sync.Mutex
	var exits []pool.WorkerEvent
	p := newPool(t, &pool.Options{Workers: 1, OnWorker: func(e pool.WorkerEvent) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == pool.WorkerExited {
			exits = append(exits, e)
		}
	}})
	for range 3 {
		if _, err := goexits.Apply(t.Context(), p, 0); err == nil {
			t.Fatal("a task that ended its goroutine had a result")
		}
		if got, err := double.Apply(t.Context(), p, 4); err != nil || got != 8 {
			t.Fatal(got, err)
		}
	}
	if _, err := goexits.Map(t.Context(), p, []int{1, 2}); err == nil {
		t.Fatal("tasks that ended their goroutines had results")
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(exits) != 1 || exits[0].Cause != pool.ExitShutdown || exits[0].ExitCode != 0 || exits[0].Tasks < 7 {
		t.Errorf("%+v", exits)
	}
}

var initEnds = pool.RegisterInitializer(endInitializer)

func endInitializer(context.Context, struct{}) error { runtime.Goexit(); return nil }

// A worker whose initializer ends its goroutine does not start, and says why.
func TestInitializerThatEndsItsGoroutine(t *testing.T) {
	_, err := pool.New(t.Context(), &pool.Options{Workers: 1, StartFailures: 2, Initializer: initEnds.With(struct{}{})})
	if !errors.Is(err, pool.ErrPoolBroken) || !strings.Contains(err.Error(), "endInitializer ended its goroutine by runtime.Goexit") {
		t.Errorf("got %v", err)
	}
}

// lockVariable has the main goroutine be locked to its thread while packages are initialised.
const lockVariable = "MULTIPROC_TEST_LOCK"

func init() {
	if os.Getenv(lockVariable) != "" {
		runtime.LockOSThread() // one package
		runtime.LockOSThread() // and another
	}
}

var headline = pool.RegisterNamed("test.headline", func(context.Context, int) (string, error) {
	stack := make([]byte, 100)
	line, _, _ := strings.Cut(string(stack[:runtime.Stack(stack, false)]), "\n")
	return line, nil
})

// Tasks run on any thread, whatever the program's packages have locked their goroutine to.
func TestTasksAreNotLockedToAThread(t *testing.T) {
	t.Setenv(lockVariable, "1")
	p := newPool(t, &pool.Options{Workers: 1})
	line, err := headline.Apply(t.Context(), p, 0)
	if err != nil || !strings.Contains(line, "running") || strings.Contains(line, "locked") {
		t.Error(line, err)
	}
}

var initPanics = pool.RegisterInitializer(panicInitializer)

func panicInitializer(_ context.Context, text string) error { panic(text) }

// The panic of an initializer is told in a line, and its stack is kept.
func TestInitializerPanics(t *testing.T) {
	_, err := pool.New(t.Context(), &pool.Options{Workers: 1, StartFailures: 1, Initializer: initPanics.With("no such database")})
	if err == nil || !strings.HasSuffix(err.Error(), "panic: no such database") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	var remote *pool.RemoteError
	if !errors.As(err, &remote) || !remote.Panic || !strings.Contains(remote.Stack, "panicInitializer") {
		t.Errorf("the stack is not in %#v", remote)
	}
}
