package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A part is what an actor is given.
type part struct {
	Pipe  *spawn.PipeEnd // where it is told what to do
	Peer  *spawn.PipeEnd // of the actor that it is to start
	Cargo *mpsync.Event  // what came in the argument, or nil

	Queue *mpsync.Queue[*mpsync.Event]
	Dict  *mpsync.Dict[string, *mpsync.Event]
	Gate  *mpsync.Event // tasks wait for it
	Begun *mpsync.Event // tasks set it
}

// An actor is a process that does what it is told over its pipe, passes its cargo on, or receives one.
type actor struct {
	part
	workers *pool.Pool
	task    *pool.AsyncResult[*mpsync.Event]
}

// An errand is a task with a cargo; where there is none, it makes one and returns it.
type errand struct{ Cargo, Gate, Begun *mpsync.Event }

var (
	acting   *spawn.Entry[part] // made by init, since actors start actors
	errands  = pool.RegisterNamed("integration.errand", runErrand)
	whoWorks = pool.RegisterNamed("integration.pid", func(context.Context, struct{}) (int, error) { return os.Getpid(), nil })
)

func init() {
	acting = spawn.RegisterNamed("integration.act", func(ctx context.Context, p part) error {
		return (&actor{part: p}).act(ctx)
	})
}

func runErrand(ctx context.Context, e errand) (*mpsync.Event, error) {
	defer e.Gate.Close()
	defer e.Begun.Close()
	made := e.Cargo
	if made == nil {
		m, err := e.Gate.Manager()
		if err != nil {
			return nil, err
		}
		if made, err = mpsync.NewEvent(ctx, m); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(e.Begun.Set(ctx), e.Gate.Wait(ctx), made.Set(ctx)); err != nil {
		return nil, err
	}
	if e.Cargo == nil {
		return made, nil
	}
	return nil, e.Cargo.Close()
}

func (a *actor) act(ctx context.Context) (err error) {
	defer func() {
		if a.workers != nil {
			err = errors.Join(err, a.workers.Close())
		}
	}()
	for {
		order, err := a.Pipe.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := a.obey(ctx, string(order))
		if err != nil {
			answer = "error: " + err.Error()
		}
		if err := a.Pipe.Send([]byte(answer)); err != nil {
			return err
		}
	}
}

func (a *actor) obey(ctx context.Context, order string) (answer string, err error) {
	switch order {
	case "make":
		m, err := a.Queue.Manager()
		if err != nil {
			return "", err
		}
		a.Cargo, err = mpsync.NewEvent(ctx, m)
		return "", err
	case "use":
		return "", errors.Join(a.Cargo.Clear(ctx), a.Cargo.Set(ctx))
	case "drop":
		return "", a.Cargo.Close()
	case "put":
		return "", a.Queue.Put(ctx, a.Cargo)
	case "get":
		a.Cargo, err = a.Queue.Get(ctx)
	case "store":
		return "", a.Dict.Set(ctx, "cargo", a.Cargo)
	case "fetch":
		a.Cargo, _, err = a.Dict.Pop(ctx, "cargo")
	case "start":
		var p *spawn.Process
		if p, err = acting.Start(ctx, part{Pipe: a.Peer, Cargo: a.Cargo}, nil); err == nil {
			return strconv.Itoa(p.PID()), nil
		}
	case "hire":
		if a.workers, err = pool.New(ctx, &pool.Options{Workers: 1, Grace: 50 * time.Millisecond}); err != nil {
			return "", err
		}
		pid, err := whoWorks.Apply(ctx, a.workers, struct{}{})
		return strconv.Itoa(pid), err
	case "submit":
		a.task, err = errands.ApplyAsync(ctx, a.workers, errand{a.Cargo, a.Gate, a.Begun})
	case "ask":
		a.task, err = errands.ApplyAsync(ctx, a.workers, errand{nil, a.Gate, a.Begun})
	case "collect":
		var got *mpsync.Event
		if got, err = a.task.Get(ctx); got != nil {
			a.Cargo = got
		}
	default:
		err = fmt.Errorf("%q is not understood", order)
	}
	return "", err
}

// A role is an actor as the test sees it.
type role struct {
	t    *testing.T
	pid  int
	pipe *spawn.PipeEnd
}

// order has the actor do something that must succeed, and returns its answer.
func (r *role) order(what string) string {
	r.t.Helper()
	r.tell(what)
	answer, err := r.pipe.Receive()
	if text, failed := strings.CutPrefix(string(answer), "error: "); failed || err != nil {
		r.t.Fatalf("%s: %s, %v", what, text, err)
	}
	return string(answer)
}

// tell has it do something, without waiting.
func (r *role) tell(what string) {
	r.t.Helper()
	if err := r.pipe.Send([]byte(what)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *role) signal(s syscall.Signal) { signalTo(r.t, r.pid, s) }

// signalTo sends a signal. A process that was stopped has stopped when it returns.
func signalTo(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	for s == syscall.SIGSTOP {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if _, state, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(state, "T") {
			return
		}
	}
}
