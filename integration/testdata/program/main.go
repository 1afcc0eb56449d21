// The program of the tests that end programs as users and shells do: it has a pool with two busy workers, and does what
// its argument says.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

var (
	finish = pool.RegisterNamed("finish", func(ctx context.Context, d time.Duration) (int, error) {
		select {
		case <-time.After(d):
			return 1, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	})
	// desert starts two processes that outlive their parents, of which one leaves the worker's session.
	desert = pool.RegisterNamed("desert", func(context.Context, struct{}) (int, error) {
		pid := 0
		for _, away := range []bool{false, true} {
			c := exec.Command("sh", "-c", `trap "" TERM; sleep 1000 >&- 2>&- & echo $!`)
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: away}
			said, err := c.Output()
			if err == nil {
				pid, err = strconv.Atoi(string(bytes.TrimSpace(said)))
			}
			if err != nil {
				return 0, err
			}
		}
		return pid, nil
	})
)

func main() { spawn.Main(run) }

func run(ctx context.Context) error {
	p, err := pool.New(ctx, &pool.Options{Workers: 2})
	if err != nil {
		return err
	}
	defer p.Close()
	switch what := os.Args[1]; what {
	case "drain":
		return drain(ctx, p)
	case "print":
		return printForEver(ctx, p)
	case "desert":
		return deserters(ctx, p)
	case "idle":
		return idle(ctx, p)
	case "manage":
		return manage(ctx, p)
	default:
		return errors.New("what is " + what)
	}
}

// drain has two tasks under way when it is told to end, and lets them finish.
func drain(ctx context.Context, p *pool.Pool) error {
	tasks, err := finish.MapAsync(ctx, p, []time.Duration{time.Second, time.Second})
	if err != nil {
		return err
	}
	for busy := 0; busy < 2; {
		busy = 0
		for _, w := range p.Stats().Workers {
			if w.Age > 0 {
				busy++
			}
		}
		<-time.After(time.Millisecond)
	}
	fmt.Println("ready")
	<-spawn.Draining(ctx)
	if err := p.Shutdown(ctx); err != nil {
		return err
	}
	done, err := tasks.Get(ctx)
	fmt.Println("finished", len(done), err)
	return context.Canceled
}

// idle has ten processes that have worked and wait: with those of p eight workers, a manager and this one with a session.
func idle(ctx context.Context, p *pool.Pool) error {
	others, err := pool.New(ctx, &pool.Options{Workers: 6})
	if err != nil {
		return err
	}
	defer others.Close()
	m, err := manager.Start(ctx, nil)
	if err != nil {
		return err
	}
	defer m.Close()
	for _, pool := range []*pool.Pool{p, others} {
		if _, err := finish.Map(ctx, pool, make([]time.Duration, 1000)); err != nil {
			return err
		}
	}
	if _, err := m.Info(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	<-spawn.Draining(ctx)
	return context.Canceled
}

// printForEver prints a line for each task until that fails.
func printForEver(ctx context.Context, p *pool.Pool) error {
	endless := func(yield func(time.Duration) bool) {
		for yield(0) {
		}
	}
	for _, err := range finish.IMap(ctx, p, endless).All() {
		if err != nil {
			return err
		}
		if _, err := fmt.Println("a line"); err != nil {
			return err
		}
	}
	return nil
}

// deserters lists what is left in this process's view of the system when its pool has ended, but for the guardian.
func deserters(ctx context.Context, p *pool.Pool) error {
	pid, err := desert.Apply(ctx, p, struct{}{})
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, 0); err != nil {
		return fmt.Errorf("what the task has started is not there: %w", err)
	}
	if err := p.Shutdown(ctx); err != nil {
		return err
	}
	status, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	fmt.Println("pid", os.Getpid())
	for _, file := range status {
		line, err := os.ReadFile(file)
		if err != nil || bytes.HasPrefix(line, []byte(strconv.Itoa(os.Getpid())+" ")) {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if !bytes.Contains(command, []byte("guardian")) {
			fmt.Printf("left: %s", line)
		}
	}
	return nil
}

// manage uses a pool and, if it can be had, a manager.
func manage(ctx context.Context, p *pool.Pool) error {
	if _, err := finish.Apply(ctx, p, 0); err != nil {
		return err
	}
	m, err := manager.Start(ctx, nil)
	fmt.Println("a manager:", err)
	if err != nil {
		return p.Shutdown(ctx)
	}
	return errors.Join(m.Shutdown(ctx), p.Shutdown(ctx))
}
