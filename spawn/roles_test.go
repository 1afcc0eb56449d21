package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

// The roles that the tests' children run.
func init() {
	spawn.RegisterRole("test/wait", waiting)
	spawn.RegisterRole("test/exit", exiting)
	spawn.RegisterRole("test/mute", func(context.Context, *spawn.Child) error { os.Exit(7); return nil })
	spawn.RegisterRole("test/refuse", func(context.Context, *spawn.Child) error {
		return fmt.Errorf("no such file as I need: %w", os.ErrNotExist)
	})
	spawn.RegisterRole("test/goexit-early", func(context.Context, *spawn.Child) error { runtime.Goexit(); return nil })
	spawn.RegisterRole("test/silent", func(context.Context, *spawn.Child) error { return nil })
	spawn.RegisterRole("test/hang", func(context.Context, *spawn.Child) error { select {} })
	spawn.RegisterRole("test/deaf", deaf)
	spawn.RegisterRole("test/shell", shell)
	spawn.RegisterRole("test/first", first)
	spawn.RegisterRole("test/facts", facts)
	spawn.RegisterRole("test/files", files)
	spawn.RegisterRole("test/nest", nest(nil))
	spawn.RegisterRole("test/nest-detached", nest(&spawn.Options{Detached: true}))
}

// waiting says hello with its argument and waits for the end.
func waiting(ctx context.Context, c *spawn.Child) error {
	if err := c.Hello(string(c.Argument)); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// exiting ends in the way that its argument names.
func exiting(ctx context.Context, c *spawn.Child) error {
	if err := c.Hello(""); err != nil {
		return err
	}
	switch how := string(c.Argument); how {
	case "nil":
		return nil
	case "error":
		return errors.New("the reason")
	case "status":
		return &exec.ExitError{} // its ExitCode is -1, which is no status
	case "panic":
		panic("the panic")
	case "goroutine panic":
		go func() { panic("the panic") }()
		select {}
	case "goexit":
		runtime.Goexit()
	case "fatal":
		noMap()[1] = 1
	case "abort":
		fmt.Fprintln(os.Stderr, "last words")
		if err := syscall.Kill(os.Getpid(), syscall.SIGABRT); err != nil {
			return err
		}
		select {} // another thread may be the one that gets it
	case "stderr":
		fmt.Fprint(os.Stderr, strings.Repeat("x", 20_000)+"end")
		os.Exit(3)
	}
	return nil
}

func noMap() map[int]int { return nil }

// deaf does not heed its context, nor SIGTERM.
func deaf(_ context.Context, c *spawn.Child) error {
	signal.Ignore(syscall.SIGTERM)
	if err := c.Hello(""); err != nil {
		return err
	}
	select {}
}

// first is shell that returns when its parent is gone, and an order before that keeps it from hearing of it.
func first(ctx context.Context, c *spawn.Child) error {
	parent := os.Getppid()
	c.Orders = func([]byte) { select {} }
	ended, end := context.WithCancel(ctx)
	go func() {
		for os.Getppid() == parent {
			<-time.After(time.Millisecond)
		}
		end()
	}()
	_ = shell(ended, c)
	return ctx.Err()
}

// shell runs a shell command, whose pid its address is, and waits for the end.
func shell(ctx context.Context, c *spawn.Child) error {
	command := exec.Command("sh", "-c", string(c.Argument))
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		return err
	}
	if err := c.Hello(strings.TrimSpace(string(line[:n]))); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// procsAtInit is GOMAXPROCS as packages see it while they initialise.
var procsAtInit = runtime.GOMAXPROCS(0)

// facts answers with what its argument asks of the process.
func facts(ctx context.Context, c *spawn.Child) error {
	var answer string
	switch string(c.Argument) {
	case "procs":
		command, err := exec.Command("/bin/sh", "-c", "echo \"$GOMAXPROCS $MULTIPROC_GOMAXPROCS\"").Output()
		if err != nil {
			return err
		}
		answer = fmt.Sprintf("%d %d %s", runtime.GOMAXPROCS(0), procsAtInit, strings.TrimSpace(string(command)))
	case "memory":
		answer = fmt.Sprint(debug.SetMemoryLimit(-1)) + os.Getenv("GOMEMLIMIT")
	case "name":
		comm, err := os.ReadFile("/proc/self/comm")
		if err != nil {
			return err
		}
		answer = strings.TrimSpace(string(comm)) + " " + spawn.Current().Name
	case "dir":
		answer, _ = os.Getwd()
	case "env":
		answer = strings.Join(os.Environ(), "\n")
	case "stdin":
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		answer = string(text)
	case "parent":
		parent, ok := spawn.Parent()
		answer = fmt.Sprint(parent.PID, ok)
	case "group":
		answer = fmt.Sprint(syscall.Getpgrp())
	case "args":
		answer = strings.Join(os.Args[1:], " ")
	case "nofile":
		out, err := exec.Command("sh", "-c", "ulimit -n").Output()
		if err != nil {
			return err
		}
		answer = strings.TrimSpace(string(out))
	case "status":
		text, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return err
		}
		answer = string(text)
	case "nice":
		out, err := exec.Command("nice").Output()
		if err != nil {
			return err
		}
		answer = strings.TrimSpace(string(out))
	case "descriptors":
		out, err := exec.Command("ls", "-l", "/proc/self/fd").Output()
		if err != nil {
			return err
		}
		answer = string(out)
	}
	if err := c.Hello(answer); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// files writes its argument into each inherited file.
func files(_ context.Context, c *spawn.Child) error {
	if err := c.Hello(fmt.Sprint(len(c.Files))); err != nil {
		return err
	}
	for _, file := range c.Files {
		if _, err := file.Write(c.Argument); err != nil {
			return err
		}
	}
	return nil
}

// nest starts a child of its own, which runs the role that the argument names, and answers with its pid.
func nest(o *spawn.Options) func(ctx context.Context, c *spawn.Child) error {
	return func(ctx context.Context, c *spawn.Child) error {
		role := "test/wait"
		if len(c.Argument) > 0 {
			role = string(c.Argument)
		}
		p, err := spawn.StartRole(ctx, role, nil, nil, o)
		if err != nil {
			return err
		}
		if err := c.Hello(fmt.Sprint(p.PID())); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
}
