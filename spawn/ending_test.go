package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/multiproc-go/multiproc/spawn"
)

// What registerBequest's test has given; children have what they took in inheritedSecret.
var (
	secret          []byte
	inheritedSecret string
)

func init() {
	spawn.RegisterBequest("test/secret",
		func() ([]byte, error) {
			if string(secret) == "broken" {
				return nil, errors.New("no secret today")
			}
			return secret, nil
		},
		func(_ context.Context, data []byte) error {
			inheritedSecret = string(data)
			if inheritedSecret == "refused" {
				return errors.New("not this one")
			}
			return nil
		})
	spawn.RegisterRole("test/secret", func(_ context.Context, c *spawn.Child) error {
		return c.Hello(inheritedSecret)
	})
	programs["ends"] = func() { spawn.Main(ends) }
}

func TestBequest(t *testing.T) {
	defer func() { secret = nil }()
	for _, given := range []string{"", "a secret"} {
		secret = []byte(given)
		if p := begin(t, "test/secret", "", nil); p.Address() != given {
			t.Errorf("the child has inherited %q, given was %q", p.Address(), given)
		}
	}
	for _, given := range []string{"broken", "refused"} {
		secret = []byte(given)
		if _, err := spawn.StartRole(t.Context(), "test/secret", nil, nil, nil); err == nil {
			t.Errorf("%s: no error", given)
		}
	}
}

// ends returns from run with children running, one of which has a child of its own, and starts more while it ends.
func ends(ctx context.Context) error {
	for _, role := range []string{"test/wait", "test/nest", "test/deaf"} {
		if _, err := spawn.StartRole(ctx, role, nil, nil, &spawn.Options{Grace: patience / 10}); err != nil {
			return err
		}
	}
	go func() {
		for {
			_, err := spawn.StartRole(context.Background(), "test/wait", nil, nil, nil)
			if errors.Is(err, spawn.ErrEnding) {
				fmt.Println("ending")
				return
			}
		}
	}()
	fmt.Println("ready")
	return nil
}

func TestReturnEndsChildren(t *testing.T) {
	p := run(t, "ends")
	if line := p.stdout.next(t); line != "ending" {
		t.Errorf("the program said %q", line)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("%v: %s", err, p.stderr.String())
	}
	if left := p.left(t); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// All that ends a process may be called by anybody, any number of times, also while it is started.
func TestEndingConcurrently(t *testing.T) {
	p := begin(t, "test/nest", "", nil)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := p.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
		group.Go(func() {
			if err := p.Wait(t.Context()); err != nil {
				var exit *spawn.ExitError
				if !errors.As(err, &exit) {
					t.Errorf("Wait: %v", err)
				}
			}
		})
		group.Go(func() {
			for _, end := range []func() error{p.Ask, p.Terminate, p.Interrupt, p.Kill} {
				if err := end(); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, os.ErrClosed) {
					t.Errorf("%v", err)
				}
			}
			if err := p.SignalTree(syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("SignalTree: %v", err)
			}
			if err := p.KillTree(t.Context()); err != nil {
				t.Errorf("KillTree: %v", err)
			}
			_, _, _, _ = p.ExitCode(), p.Signal(), p.CrashOutput(), p.StderrTail()
		})
	}
	group.Wait()
	<-p.Swept()
}

// A context that ends just as the child gets ready must not be held against it later.
func TestContextEndsWithStart(t *testing.T) {
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		p, err := spawn.StartRole(ctx, "test/wait", nil, nil, &spawn.Options{Grace: patience})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Shutdown(t.Context()); err != nil || p.ExitCode() != 0 {
			t.Fatalf("%v, exit code %d", err, p.ExitCode())
		}
	}
}

func TestActiveChildren(t *testing.T) {
	p := begin(t, "test/wait", "", nil)
	var found bool
	for _, child := range spawn.ActiveChildren() {
		found = found || child == p
	}
	if !found {
		t.Error("a running child is not among the active ones")
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for _, child := range spawn.ActiveChildren() {
		if child == p {
			t.Error("a child that has exited is still active")
		}
	}
}

func TestInfoOfFirstProcess(t *testing.T) {
	if info := spawn.Current(); info.PID != os.Getpid() || info.Name == "" || info.Role != "" {
		t.Errorf("%+v", info)
	}
	if parent, ok := spawn.Parent(); ok {
		t.Errorf("a first process has the parent %+v", parent)
	}
}
