package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// begin starts a role, whose process is ended and waited for with the test.
func begin(t *testing.T, role, argument string, o *spawn.Options) *spawn.Process {
	t.Helper()
	if o == nil {
		o = &spawn.Options{}
	}
	if o.Stderr == nil {
		o.Stderr = new(discard) // crashes are not for the eyes of who reads the test's output
	}
	p, err := spawn.StartRole(t.Context(), role, []byte(argument), nil, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.KillTree(context.Background()); err != nil {
			t.Error(err)
		}
		<-p.Swept()
	})
	return p
}

func TestStartAndShutdown(t *testing.T) {
	p := begin(t, "test/wait", "the address", &spawn.Options{Grace: patience})
	if p.Address() != "the address" {
		t.Errorf("address %q", p.Address())
	}
	if p.Identity().PID != p.PID() || p.ExitCode() != -1 || p.Signal() != 0 {
		t.Errorf("identity %v, exit code %d, signal %v of a running process", p.Identity(), p.ExitCode(), p.Signal())
	}
	began := time.Now()
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("a child that heeds its context took %v", took)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Errorf("having been asked to stop is no failure: %v", err)
	}
	for range 2 {
		if err := p.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown after the exit: %v", err)
		}
	}
	if err := p.Terminate(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Terminate after the exit: %v", err)
	}
}

func TestShutdownOfDeafChildKills(t *testing.T) {
	p := begin(t, "test/deaf", "", &spawn.Options{Grace: 100 * time.Millisecond})
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	var exit *spawn.ExitError
	if err := p.Wait(t.Context()); !errors.As(err, &exit) {
		t.Errorf("ended with %v", err)
	}
}

func TestShutdownOfStoppedChild(t *testing.T) {
	p := begin(t, "test/wait", "", &spawn.Options{Grace: 50 * time.Millisecond})
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	if err := p.SignalTree(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "child stopped", func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
		return err == nil && strings.Contains(string(status), "State:\tT")
	})
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if p.Signal() != syscall.SIGKILL {
		t.Errorf("ended by %v, exit code %d", p.Signal(), p.ExitCode())
	}
}

func TestShutdownWithEndedContextKillsAtOnce(t *testing.T) {
	p := begin(t, "test/deaf", "", &spawn.Options{Grace: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if p.Signal() != syscall.SIGKILL {
		t.Errorf("ended by %v", p.Signal())
	}
}

func TestExits(t *testing.T) {
	for _, test := range []struct {
		how    string
		code   int
		signal syscall.Signal
		want   string // part of the error
		crash  string // part of the crash output
	}{
		{how: "nil"},
		{how: "error", code: 1, want: "the reason"},
		{how: "status", code: 1, want: "exited with status 1"},
		{how: "panic", code: 2, want: "panic: the panic", crash: "goroutine "},
		{how: "goroutine panic", code: 2, want: "panic: the panic", crash: "goroutine "},
		{how: "goexit", code: 1, want: "ended its goroutine by runtime.Goexit"},
		{how: "fatal", code: 2, want: "assignment to entry in nil map", crash: "roles_test.go"},
		{how: "abort", code: -1, signal: syscall.SIGABRT, want: "SIGABRT"},
		{how: "stderr", code: 3, want: "xxxend"},
	} {
		t.Run(test.how, func(t *testing.T) {
			p := begin(t, "test/exit", test.how, nil)
			err := p.Wait(t.Context())
			if test.code == 0 {
				if err != nil {
					t.Errorf("Wait: %v", err)
				}
				return
			}
			if how := test.how; how == "abort" { // Go catches SIGABRT, and dies of it with status 2
				test.code, test.signal, test.want = 2, 0, "SIGABRT"
			}
			var exit *spawn.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("Wait: %v", err)
			}
			if p.ExitCode() != test.code || p.Signal() != test.signal {
				t.Errorf("exit code %d, signal %v; want %d, %v", p.ExitCode(), p.Signal(), test.code, test.signal)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q does not mention %q", err, test.want)
			}
			if !strings.Contains(p.CrashOutput(), test.crash) || (test.crash == "" && test.code != 2 && exit.Crash != "") {
				t.Errorf("crash output %q; want %q in it", exit.Crash, test.crash)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
		})
	}
}

func TestStderrTailIsBounded(t *testing.T) {
	p := begin(t, "test/exit", "stderr", nil)
	<-p.Done()
	if tail := p.StderrTail(); len(tail) != 8<<10 || !strings.HasSuffix(tail, "xend") {
		t.Errorf("tail of %d bytes, ending in %q", len(tail), tail[max(0, len(tail)-8):])
	}
}

func TestKilledChild(t *testing.T) {
	p := begin(t, "test/wait", "", &spawn.Options{Name: "victim"})
	began := time.Now()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	t.Logf("known after %v", time.Since(began))
	err := p.Wait(t.Context())
	if err == nil || !strings.Contains(err.Error(), "victim") || !strings.Contains(err.Error(), "SIGKILL") {
		t.Errorf("Wait: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		_, err := spawn.StartRole(t.Context(), "test/refuse", nil, nil, nil)
		var remote *wire.RemoteError
		if !errors.As(err, &remote) || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
	t.Run("exited", func(t *testing.T) {
		_, err := spawn.StartRole(t.Context(), "test/mute", nil, nil, nil)
		var exit *spawn.ExitError
		if !errors.As(err, &exit) || exit.Code != 7 {
			t.Errorf("%v", err)
		}
	})
	t.Run("returned", func(t *testing.T) {
		_, err := spawn.StartRole(t.Context(), "test/silent", nil, nil, nil)
		if err == nil || !strings.Contains(err.Error(), "returned before it was ready") {
			t.Errorf("%v", err)
		}
	})
	t.Run("ended its goroutine", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := spawn.StartRole(ctx, "test/goexit-early", nil, nil, nil)
		if err == nil || !strings.Contains(err.Error(), "role test/goexit-early ended its goroutine by runtime.Goexit") {
			t.Errorf("%v", err)
		}
	})
	t.Run("hung", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := spawn.StartRole(ctx, "test/hang", nil, nil, nil)
		var start *spawn.StartError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &start) || start.Exit.Signal != syscall.SIGKILL {
			t.Errorf("%v", err)
		}
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := spawn.StartRole(ctx, "test/wait", nil, nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("role", func(t *testing.T) {
		if _, err := spawn.StartRole(t.Context(), "test/nobody", nil, nil, nil); err == nil {
			t.Error("an unknown role was started")
		}
	})
	t.Run("directory", func(t *testing.T) {
		_, err := spawn.StartRole(t.Context(), "test/wait", nil, nil, &spawn.Options{Dir: "/nonexistent"})
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
	t.Run("options", func(t *testing.T) {
		_, err := spawn.StartRole(t.Context(), "test/wait", nil, nil, &spawn.Options{
			Name: "a\nb", Niceness: 20, Affinity: []int{-1}, Procs: -1, MemoryLimit: -1, Grace: -1,
			Env: []string{"novalue"}, Limits: []spawn.Limit{{Resource: syscall.RLIMIT_AS, Soft: 1, Hard: 1}},
		})
		for _, field := range []string{"Name", "Niceness", "Affinity", "Procs", "MemoryLimit", "Grace", "Env", "RLIMIT_AS"} {
			if err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%v does not mention %s", err, field)
			}
		}
	})
}

func TestLargeArgument(t *testing.T) {
	argument := strings.Repeat("a large argument ", 1<<17)
	p := begin(t, "test/wait", argument, nil)
	if p.Address() != argument {
		t.Errorf("%d bytes came back of %d", len(p.Address()), len(argument))
	}
}

func TestInheritedFiles(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	p, err := spawn.StartRole(t.Context(), "test/files", []byte("text"), []*os.File{write, write}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write.Close(), p.Wait(t.Context())); err != nil {
		t.Error(err)
	}
	text, err := io.ReadAll(read)
	if string(text) != "texttext" || err != nil {
		t.Errorf("the child wrote %q, %v", text, err)
	}
	<-p.Swept()
}
