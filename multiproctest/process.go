package multiproctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
)

// A Process is one that a test can break: a *spawn.Process, also a manager's (Manager.Process), or a Worker.
type Process interface{ Identity() finalize.Identity }

// A Worker is a process of a pool, as it was when the test asked for it.
type Worker struct {
	pool.WorkerStats
	identity finalize.Identity
}

// Identity is what tells the worker's process from every other one.
func (w Worker) Identity() finalize.Identity { return w.identity }

// Workers returns the workers of a pool that have a process now. It does not block.
func Workers(t testing.TB, p *pool.Pool) (list []Worker) {
	t.Helper()
	for _, w := range p.Stats().Workers {
		if w.PID == 0 {
			continue
		}
		if id, err := finalize.Identify(w.PID); err == nil {
			list = append(list, Worker{w, id})
		}
	}
	return list
}

// BusyWorker waits until a worker has begun a task of the function of that name, or of any where the name is "", and returns
// it. It fails the test after Patience. The task may have ended since: a Task of this package can be told before.
func BusyWorker(t testing.TB, p *pool.Pool, function string) (busy Worker) {
	t.Helper()
	await(t, "a worker that runs "+function, func() bool {
		for _, w := range Workers(t, p) {
			// A task that was sent, and that the worker has not begun, has no age: others would run it.
			if w.State == pool.Busy && w.Age > 0 && (function == "" || w.Function == function) {
				busy = w
				return true
			}
		}
		return false
	})
	return busy
}

// Kill kills a process by SIGKILL and waits until it has ended. One that has ended before is no fault.
func Kill(t testing.TB, p Process) {
	t.Helper()
	id := p.Identity()
	if err := id.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("kill %v: %v", id, err)
	}
	await(t, fmt.Sprintf("the end of %v", id), func() bool { return !id.Alive() })
}

// Freeze stops a process by SIGSTOP and waits until it stands still. It goes on at the call of thaw, or at the end of the
// test. What else the process has started goes on.
func Freeze(t testing.TB, p Process) (thaw func()) {
	t.Helper()
	id := p.Identity()
	if err := id.Signal(syscall.SIGSTOP); err != nil {
		t.Fatalf("freeze %v: %v", id, err)
	}
	thaw = sync.OnceFunc(func() { _ = id.Signal(syscall.SIGCONT) }) // it may have been killed
	t.Cleanup(thaw)
	await(t, fmt.Sprintf("%v is stopped", id), func() bool { return isStopped(id) || !id.Alive() })
	return thaw
}

// isStopped reports whether a process is stopped; where that cannot be found out, it reports that it is.
func isStopped(id finalize.Identity) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id.PID))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(content[strings.LastIndexByte(string(content), ')')+1:]), " ")
	return strings.HasPrefix(state, "T")
}

// KillManager kills the process of a manager that manager.Start has started, and waits until m has noticed: its calls
// fail with manager.ErrManagerLost then. m has still to be closed.
func KillManager(t testing.TB, m *manager.Manager) {
	t.Helper()
	process := m.Process()
	if process == nil {
		t.Fatalf("kill %v: it was not started here", m)
	}
	Kill(t, process)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	select {
	case <-m.Lost():
	case <-ctx.Done():
		t.Fatalf("%v was killed, and its session goes on", m)
	}
}

func await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if !until(ctx, condition) {
		t.Fatalf("not within %v: %s", Patience, what)
	}
}
