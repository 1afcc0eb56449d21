package multiproctest

import (
	"context"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// A Task is a function of pools whose tasks can be broken. It has all methods of a *pool.Function, and those below, which
// say what is to happen when the n-th task from now on begins: in whichever pool and worker that is, and counted from 1, in
// the order in which workers begin tasks. What was said ends with the test, which fails if fewer tasks have begun by then, unless it
// has failed or was skipped anyway. Several things may be said, also of one task.
type Task[A, R any] struct{ *pool.Function[A, R] }

// Register makes a function one of pools, as pool.RegisterNamed does, but with faults: for a package-level variable of a
// test. The function itself is not changed, and what the program has registered neither.
func Register[A, R any](name string, fn func(context.Context, A) (R, error)) *Task[A, R] {
	return &Task[A, R]{pool.RegisterNamed(name, func(ctx context.Context, argument A) (result R, err error) {
		if p, found := planFor(name); found {
			if err := p.begin(); err != nil {
				return result, err
			}
		}
		return fn(ctx, argument)
	})}
}

// Kill kills the worker that begins the n-th task, by SIGKILL. The task is lost.
func (f *Task[A, R]) Kill(t testing.TB, n int) {
	t.Helper()
	add(t, f.Name(), n, n, fault{Kind: kills})
}

// Exit drops the worker that begins the n-th task: it exits with a status, without a word. The task is lost.
func (f *Task[A, R]) Exit(t testing.TB, n, status int) {
	t.Helper()
	add(t, f.Name(), n, n, fault{Kind: exits, Status: status})
}

// Freeze stops the worker that begins the n-th task, by SIGSTOP, before the function is called. A deadline ends the task; if
// the worker is continued instead, the task goes on.
func (f *Task[A, R]) Freeze(t testing.TB, n int) {
	t.Helper()
	add(t, f.Name(), n, n, fault{Kind: freezes})
}

// Delay has the n-th task begin so much later than its worker thinks, whatever its context says.
func (f *Task[A, R]) Delay(t testing.TB, n int, d time.Duration) {
	t.Helper()
	add(t, f.Name(), n, n, fault{Kind: delays, Delay: d})
}
