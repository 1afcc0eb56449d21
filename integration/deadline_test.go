package integration

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/pool"
)

var refuser = pool.RegisterNamed("integration.refuser", refuse)

// refusals are the ways in which a task takes no notice of its end.
var refusals = []string{"heeds", "ignores", "loops", "blocks in a system call", "is stopped", "has stubborn children"}

func refuse(ctx context.Context, way string) (int, error) {
	switch way {
	case "heeds":
		<-ctx.Done()
		return 0, context.Cause(ctx)
	case "loops":
		for n := 0; ; n++ {
		}
	case "blocks in a system call":
		var ends [2]int
		if err := syscall.Pipe(ends[:]); err != nil {
			return 0, err
		}
		return syscall.Read(ends[0], make([]byte, 1)) // not by the runtime's poller
	case "is stopped":
		if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
			return 0, err
		}
	case "has stubborn children":
		return startStubborn(context.WithoutCancel(ctx), 0)
	}
	select {}
}

const (
	endGrace = time.Second
	// endNoise is what a busy machine may add to what is promised. It is less than a step of the ladder, so that one too many
	// is noticed.
	endNoise = 700 * time.Millisecond
)

// Whatever a task does, its caller has the error no later than two graces and 100 ms after its end was due, and the pool a
// new worker.
func TestTasksEndWhenTheyMust(t *testing.T) {
	multiproctest.CheckNothingLeft(t)
	p, err := pool.New(t.Context(), &pool.Options{Workers: len(refusals), Grace: endGrace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	const due = 300 * time.Millisecond
	for name, test := range map[string]struct {
		function *pool.Function[string, int]
		cancel   bool
		want     error
	}{
		"deadline": {function: refuser.WithTimeout(due), want: pool.ErrTaskTimeout},
		"Cancel":   {function: refuser, cancel: true, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			waitUntil(t, "all workers are there", func() bool { return len(multiproctest.Workers(t, p)) == len(refusals) })
			type end struct {
				way  string
				err  error
				took time.Duration
			}
			ends := make(chan end)
			for _, way := range refusals {
				task, err := test.function.ApplyAsync(t.Context(), p, way)
				if err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				if test.cancel {
					timer := time.AfterFunc(due, func() { task.Cancel() })
					defer timer.Stop()
				}
				go func() { // the loop below has what it sends
					_, err := task.Get(context.Background())
					ends <- end{way, err, time.Since(begun)}
				}()
			}
			for range refusals {
				e := <-ends
				if !errors.Is(e.err, test.want) {
					t.Errorf("a task that %s: %v", e.way, e.err)
				}
				if most := due + 2*endGrace + 100*time.Millisecond + endNoise; e.took > most {
					t.Errorf("a task that %s had its error after %v, at most %v is promised", e.way, e.took, most-endNoise)
				}
				t.Logf("%s: %v", e.way, e.took)
			}
			if pid, err := whoWorks.Apply(t.Context(), p, struct{}{}); err != nil || pid == 0 {
				t.Errorf("the pool afterwards: %d, %v", pid, err)
			}
		})
	}
}

// So does a task that is in C code, where nothing but a signal reaches it.
func TestTasksInCEndWhenTheyMust(t *testing.T) {
	if enabled, err := exec.CommandContext(t.Context(), "go", "env", "CGO_ENABLED").Output(); err != nil || strings.TrimSpace(string(enabled)) != "1" {
		t.Skipf("there is no cgo here: %v", err)
	}
	module := outsideModule(t, cgoProgram)
	output, status := runProgram(t, build(t, module, "."))
	if want := "sleeps pool: task timed out\nloops pool: task timed out\n"; status != 0 || output != want {
		t.Fatalf("exit status %d, got %q, want %q", status, output, want)
	}
}

const cgoProgram = `package main

// #include <unistd.h>
// static void sleeps(void) { for (;;) sleep(1000); }
// static volatile int n;
// static void loops(void) { for (;;) n++; }
import "C"

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

var foreign = pool.RegisterNamed("foreign", func(_ context.Context, way string) (int, error) {
	if way == "loops" {
		C.loops()
	}
	C.sleeps()
	return 0, nil
})

func main() { spawn.Main(run) }

func run(ctx context.Context) error {
	p, err := pool.New(ctx, &pool.Options{Workers: 1, Grace: 200 * time.Millisecond, TaskTimeout: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	for _, way := range []string{"sleeps", "loops"} {
		begun := time.Now()
		_, err := foreign.Apply(ctx, p, way)
		if took := time.Since(begun); took > 5*time.Second {
			return fmt.Errorf("%s took %v", way, took)
		}
		if !errors.Is(err, pool.ErrTaskTimeout) {
			return fmt.Errorf("%s: %w", way, err)
		}
		fmt.Println(way, pool.ErrTaskTimeout)
	}
	return p.Shutdown(ctx)
}
`

// outsideModule makes a module of one main package that uses this one.
func outsideModule(t *testing.T, program string) string {
	t.Helper()
	module := t.TempDir()
	root := moduleRoot(t)
	_, requirements, _ := strings.Cut(string(readTreeFile(t, "go.mod")), "\n")
	requirements, _, _ = strings.Cut(requirements, "\ntool ")
	for name, content := range map[string]string{
		"go.sum": string(readTreeFile(t, "go.sum")),
		"go.mod": "module example.com/outside\n" + requirements +
			"\nrequire " + modulePath + " v0.0.0\nreplace " + modulePath + " => " + root + "\n",
		"main.go": program,
	} {
		if err := os.WriteFile(filepath.Join(module, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return module
}
