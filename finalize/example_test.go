package finalize_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
)

// A program registers what has to be undone, where it does it, and runs all of
// it last thing before it exits.
func Example() {
	finalize.Register(finalize.PriorityFiles, func(context.Context) error {
		fmt.Println("removing the socket")
		return nil
	})
	finalize.Register(finalize.PriorityPool, func(context.Context) error {
		fmt.Println("stopping the workers")
		return errors.New("one did not answer")
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := finalize.Run(ctx); err != nil {
		fmt.Println("there was an error")
	}
	// Output:
	// stopping the workers
	// removing the socket
	// there was an error
}

// A temporary folder is removed early, where that is possible, and at the end of
// the program otherwise; never twice.
func ExampleFinalizer() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	remove := finalize.Register(finalize.PriorityFiles, func(context.Context) error {
		return os.RemoveAll(dir)
	})
	fmt.Println("active:", remove.Active())
	fmt.Println("removed:", remove.Call(context.Background()))
	fmt.Println("active:", remove.Active())
	// Output:
	// active: true
	// removed: <nil>
	// active: false
}

// A part of a program that ends on its own has a registry of its own.
func ExampleRegistry() {
	var session finalize.Registry
	session.Register(0, func(context.Context) error {
		fmt.Println("first in, last out")
		return nil
	})
	session.Register(0, func(context.Context) error { panic("a bug") })
	err := session.Run(context.Background())
	var panicked *finalize.PanicError
	fmt.Println(errors.As(err, &panicked), panicked)
	// Output:
	// first in, last out
	// true panic: a bug
}

// Hooks are called in each child process, before the child's own code.
func ExampleAfterFork() {
	finalize.AfterFork("reconnect", func(context.Context) error {
		return errors.New("nobody answers")
	})
	fmt.Println(finalize.RunAfterFork(context.Background()))
	// Output: after-fork hook reconnect: nobody answers
}

// The shell ignores SIGINT, so that it takes the next rung to end it.
func ExampleLadder() {
	cmd := exec.Command("sh", "-c", "trap '' INT; echo ready; while :; do sleep 0.01; done")
	output, err := cmd.StdoutPipe()
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return
	}
	_, _ = fmt.Fscanln(output) // it is ready

	ladder := finalize.Ladder{InterruptGrace: 50 * time.Millisecond, TerminateGrace: 10 * time.Second}
	child := finalize.Reap(cmd.Process)
	report, err := ladder.Run(context.Background(), child)
	fmt.Println(report.Rung, err)
	state, err := child.Wait()
	fmt.Println(state, err)
	// Output:
	// terminate <nil>
	// signal: terminated <nil>
}

// The shell leaves a process behind, in a session of its own. Its mark gives it
// away, and only it is killed.
func ExampleTree() {
	mark := finalize.NewMark(finalize.OwnMark())
	cmd := exec.Command("sh", "-c", "setsid sleep 600 & exit")
	cmd.Env = append(os.Environ(), finalize.MarkVariable+"="+mark)
	if err := cmd.Run(); err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	killed, err := finalize.Tree{Marks: []string{mark}}.Kill(ctx)
	fmt.Println(killed, err)
	// Output: 1 <nil>
}

// A process that was reaped is gone, whoever has its pid now.
func ExampleIdentity() {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return
	}
	id, err := finalize.Identify(cmd.Process.Pid)
	fmt.Println(id.Alive(), err)
	fmt.Println(cmd.Process.Kill())
	_ = cmd.Wait()
	fmt.Println(id.Alive(), id.Signal(0))
	// Output:
	// true <nil>
	// <nil>
	// false os: process already finished
}

// What a process uses is known for as long as it is there.
func ExampleIdentity_Usage() {
	self, err := finalize.Identify(os.Getpid())
	if err != nil {
		fmt.Println(err)
		return
	}
	usage, err := self.Usage()
	fmt.Println(usage.Resident > 0, err)
	// Output: true <nil>
}
