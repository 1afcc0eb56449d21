package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/spawn"
)

// The programs that the test binary can be: each is a first process of its own, told by its arguments what to do.
var programs = map[string]func(){
	"never calls Main": func() {
		_, err := spawn.StartRole(context.Background(), "test/wait", nil, nil, nil)
		fmt.Println(errors.Is(err, spawn.ErrNotInitialized), err)
	},
	"has its own main": func() {
		spawn.Init()
		p, err := spawn.StartRole(context.Background(), "test/wait", []byte("by Init"), nil, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Address())
		fmt.Println(finalize.Run(context.Background()))
	},
	"starts roles":   func() { spawn.Main(startsRoles) },
	"keeps starting": func() { spawn.Main(keepsStarting) },
	"starts again": func() {
		spawn.MainWith(&spawn.MainOptions{Grace: -1}, startsAgain)
	},
	"returns": func() { spawn.Main(returns) },
	"obeys": func() {
		spawn.MainWith(&spawn.MainOptions{Grace: -1}, obeys)
	},
	"obeys in time": func() {
		spawn.MainWith(&spawn.MainOptions{Grace: 50 * time.Millisecond}, obeys)
	},
	"does not obey": func() {
		spawn.MainWith(&spawn.MainOptions{Grace: time.Nanosecond}, func(ctx context.Context) error {
			fmt.Println("ready")
			<-ctx.Done()
			fmt.Println("ended")
			select {}
		})
	},
}

// startsRoles starts a child for each of its arguments ("role=argument"), says their addresses, and waits.
func startsRoles(ctx context.Context) error {
	for _, arg := range os.Args[1:] {
		role, argument, _ := strings.Cut(arg, "=")
		if role == "stop" {
			for _, p := range spawn.ActiveChildren() {
				if err := syscall.Kill(p.PID(), syscall.SIGSTOP); err != nil {
					return err
				}
			}
			continue
		}
		if role == "order" {
			for _, p := range spawn.ActiveChildren() {
				if err := p.Order(nil); err != nil {
					return err
				}
			}
			continue
		}
		if role == "never ready" {
			go spawn.StartRole(ctx, argument, nil, nil, nil)
			continue
		}
		if _, err := spawn.StartRole(ctx, role, []byte(argument), nil, nil); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	<-spawn.Draining(ctx)
	return context.Canceled
}

// startsAgain has one child after another: the second when it gets a signal.
func startsAgain(ctx context.Context) error {
	p, err := spawn.StartRole(ctx, "test/wait", nil, nil, nil)
	if err != nil {
		return err
	}
	if err := p.Shutdown(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	<-spawn.Draining(ctx)
	if _, err := spawn.StartRole(ctx, "test/wait", nil, nil, nil); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// keepsStarting starts children and kills them, until it is killed itself.
func keepsStarting(ctx context.Context) error {
	fmt.Println("ready")
	for range 3 {
		go func() {
			for {
				p, err := spawn.StartRole(ctx, os.Args[1], nil, nil, nil)
				if err == nil {
					err = p.Kill()
				}
				if err != nil {
					fmt.Println(err)
				}
			}
		}()
	}
	select {}
}

// returns returns what its argument names.
func returns(ctx context.Context) error {
	defer fmt.Println("ready")
	finalize.Register(0, func(context.Context) error {
		fmt.Println("finalized")
		return nil
	})
	switch os.Args[1] {
	case "nil":
		return nil
	case "error":
		return errors.New("the reason")
	case "status":
		return fmt.Errorf("wrapped: %w", &spawn.ExitError{Name: "child", Code: 42})
	case "canceled":
		return context.Canceled // by nobody's signal
	case "child":
		p, err := spawn.StartRole(ctx, "test/wait", nil, nil, nil)
		if err != nil {
			return err
		}
		return p.Kill()
	}
	return nil
}

// obeys says what its context does.
func obeys(ctx context.Context) error {
	fmt.Println("ready")
	<-spawn.Draining(ctx)
	fmt.Println("draining", ctx.Err())
	<-ctx.Done()
	fmt.Println(context.Cause(ctx))
	return ctx.Err()
}

// hanging is the end of the names of programs whose children hang while packages initialise, before they could know that
// their parent is gone.
const (
	hanging      = ", hanging"
	hangVariable = "MULTIPROC_TEST_HANG"
)

func init() {
	programs["keeps starting"+hanging] = programs["keeps starting"]
	if os.Getenv(hangVariable) != "" && len(os.Args) == 1 { // the program itself has an argument
		<-time.After(time.Hour)
	}
}

// program is a first process of its own. Everything that it starts is below one mark.
type program struct {
	*exec.Cmd
	mark   string
	stdout *lines
	stderr strings.Builder
}

// run starts a program of programs and waits until it has said "ready". It and all below it is killed with the test.
func run(t *testing.T, name string, args ...string) *program {
	t.Helper()
	p := launchProgram(t, name, args...)
	if line := p.stdout.next(t); line != "ready" {
		t.Fatalf("the program said %q, and on stderr %q", line, p.stderr.String())
	}
	return p
}

// launchProgram is run, but does not wait.
func launchProgram(t *testing.T, name string, args ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.Command("/proc/self/exe", args...), mark: finalize.NewMark("")}
	p.Env = append(os.Environ(), programVariable+"="+name, finalize.MarkVariable+"="+p.mark)
	if strings.HasSuffix(name, hanging) {
		p.Env = append(p.Env, hangVariable+"=1")
	}
	p.Stderr = &p.stderr
	pipe, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = newLines(pipe)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = finalize.Tree{Marks: []string{p.mark}}.Kill(context.Background())
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	return p
}

// left are the processes below the program's mark; the program itself, and zombies, are none.
func (p *program) left(t *testing.T) []finalize.Identity {
	t.Helper()
	members, err := finalize.Tree{Marks: []string{p.mark}, Exclude: []int{p.Process.Pid}}.Members()
	if err != nil {
		t.Fatal(err)
	}
	return members
}

// patience is how long tests wait for what takes a second on a machine that has nothing else to do, and the grace period
// of children that are to end by themselves on a machine that has.
const patience = 15 * time.Second

// eventually waits until a condition holds, and returns how long that took.
func eventually(t *testing.T, limit time.Duration, what string, condition func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(limit)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
	return time.Since(began)
}

// lines reads lines one by one, with no more read ahead than there is.
type lines struct{ source io.Reader }

func newLines(source io.Reader) *lines { return &lines{source} }

// next returns the next line without its end, or "" at the end.
func (l *lines) next(t *testing.T) string {
	t.Helper()
	var line []byte
	var one [1]byte
	for {
		if _, err := io.ReadFull(l.source, one[:]); err != nil || one[0] == '\n' {
			return string(line)
		}
		line = append(line, one[0])
	}
}
