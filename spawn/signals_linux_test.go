package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/spawn"
)

func init() {
	spawn.RegisterRole("test/listens", listens)
	spawn.RegisterRole("test/ignores", ignores)
	spawn.RegisterRole("test/broken-pipe", breaksPipe)
	spawn.RegisterRole("test/dispositions", dispositions)
}

// listens asks for SIGTERM itself, and exits with 42 when both it and the context have had that twice and once.
func listens(ctx context.Context, c *spawn.Child) error {
	own := make(chan os.Signal, 2)
	signal.Notify(own, syscall.SIGTERM)
	if err := c.Hello(""); err != nil {
		return err
	}
	<-own
	<-ctx.Done()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		return err
	}
	<-own
	os.Exit(42)
	return nil
}

// ignores SIGTERM and waits for the end.
func ignores(ctx context.Context, c *spawn.Child) error {
	signal.Ignore(syscall.SIGTERM)
	if err := c.Hello(""); err != nil {
		return err
	}
	<-ctx.Done()
	if !signal.Ignored(syscall.SIGTERM) {
		return errors.New("SIGTERM is not ignored any more")
	}
	return ctx.Err()
}

// breaksPipe writes to a standard output that nobody reads, and exits with 43 if that fails.
func breaksPipe(_ context.Context, c *spawn.Child) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	if err := unix.Dup3(int(write.Fd()), 1, 0); err != nil {
		return err
	}
	if err := errors.Join(read.Close(), write.Close(), c.Hello("")); err != nil {
		return err
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGPIPE); err != nil { // from outside it means as little
		return err
	}
	if _, err := os.Stdout.WriteString("nobody reads this"); !errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("a write to a broken pipe: %w", err)
	}
	os.Exit(43)
	return nil
}

// dispositions answers with what a command of the child does about signals.
func dispositions(ctx context.Context, c *spawn.Child) error {
	out, err := exec.CommandContext(ctx, "grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status").Output()
	if err != nil {
		return err
	}
	return c.Hello(string(out))
}

// The first signal ends a child's context, whichever it is.
func TestFirstSignalEndsChild(t *testing.T) {
	for _, number := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		p := begin(t, "test/wait", "", &spawn.Options{Grace: patience})
		sendTo(t, p, number)
		<-p.Done()
		if code := p.ExitCode(); code != 128+int(number) {
			t.Errorf("exit status %d after %v", code, number)
		}
	}
}

// What several signals say at once is said by one of them.
func TestSeveralSignalsEndChild(t *testing.T) {
	p := begin(t, "test/wait", "", &spawn.Options{Grace: patience})
	for range 20 {
		for _, number := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			if err := syscall.Kill(p.PID(), number); err != nil && !errors.Is(err, syscall.ESRCH) {
				t.Fatal(err)
			}
		}
	}
	<-p.Done()
	if code := p.ExitCode(); code != 128+1 && code != 128+2 && code != 128+15 {
		t.Errorf("exit status %d, signal %v", code, p.Signal())
	}
}

// Code of a child that asks for a signal gets it as well, the first one and those that follow.
func TestChildListensItself(t *testing.T) {
	p := begin(t, "test/listens", "", &spawn.Options{Grace: patience})
	sendTo(t, p, syscall.SIGTERM)
	<-p.Done()
	if code := p.ExitCode(); code != 42 {
		t.Errorf("exit status %d: %s", code, p.StderrTail())
	}
}

// A signal that a child ignores is ignored, also after another one.
func TestChildIgnores(t *testing.T) {
	p := begin(t, "test/ignores", "", &spawn.Options{Grace: patience})
	sendTo(t, p, syscall.SIGTERM)
	sendTo(t, p, syscall.SIGINT)
	<-p.Done()
	if code := p.ExitCode(); code != 128+int(syscall.SIGINT) {
		t.Errorf("exit status %d: %s", code, p.StderrTail())
	}
}

// A pipe that the parent has left must not end a child before its finalizers have run.
func TestBrokenPipeDoesNotEndChild(t *testing.T) {
	p := begin(t, "test/broken-pipe", "", nil)
	<-p.Done()
	if code := p.ExitCode(); code != 43 {
		t.Errorf("exit status %d, signal %v: %s", code, p.Signal(), p.StderrTail())
	}
}

// What a child does about signals is not what its commands do.
func TestCommandsHaveDefaultSignals(t *testing.T) {
	p := begin(t, "test/dispositions", "", nil)
	for line := range strings.Lines(p.Address()) {
		name, text, _ := strings.Cut(line, ":")
		mask, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, number := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE} {
			if mask&(1<<(number-1)) != 0 {
				t.Errorf("%s of a command has %v", name, number)
			}
		}
	}
	if n := strings.Count(p.Address(), "\n"); n != 3 {
		t.Errorf("the command said %q", p.Address())
	}
	<-p.Done()
}

func sendTo(t *testing.T, p *spawn.Process, number syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(p.PID(), number); err != nil {
		t.Fatal(err)
	}
}
