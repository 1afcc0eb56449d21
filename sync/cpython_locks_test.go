package sync_test

import (
	"context"
	"errors"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// briefly is a context for what is expected to time out.
func briefly(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// timedOut makes Python's False of the end of a context.
func timedOut(err error) (any, error) {
	if errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

func lockCases() []cpythonCase {
	return []cpythonCase{
		{
			name:   "Lock.acquire(False) of a lock that is held",
			python: "l = m.Lock(); a = l.acquire(); result = [a, l.acquire(False)]", want: "[True, False]",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				l := must(mpsync.NewLock(ctx, m))
				first := must(l.TryAcquire(ctx))
				second, err := l.TryAcquire(ctx)
				return []any{first != nil, second != nil}, err
			},
		},
		{
			name:   "Lock.acquire with a timeout",
			python: "l = m.Lock(); l.acquire(); result = l.acquire(True, 0.02)", want: "False",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				l := must(mpsync.NewLock(ctx, m))
				must(l.Acquire(ctx))
				_, err := l.Acquire(briefly(ctx))
				return timedOut(err)
			},
		},
		{
			name:   "Lock.release of a lock that is free",
			python: "l = m.Lock(); l.release()", want: "error: RuntimeError",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				held := must(must(mpsync.NewLock(ctx, m)).Acquire(ctx))
				must[any](nil, held.Release())
				return nil, held.Release()
			},
		},
		{
			name:   "RLock is acquired again by its owner, and free after as many releases",
			python: "l = m.RLock(); a = [l.acquire(), l.acquire(False)]; l.release(); l.release(); result = a", want: "[True, True]",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				l, me := must(mpsync.NewRLock(ctx, m)), mpsync.NewOwner()
				first, second := must(l.Acquire(ctx, me)), must(l.TryAcquire(ctx, me))
				return []any{first != nil, second != nil}, errors.Join(first.Release(), second.Release())
			},
		},
		{
			name:   "RLock.release once too often",
			python: "l = m.RLock(); l.acquire(); l.release(); l.release()", want: "error: RuntimeError",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				held := must(must(mpsync.NewRLock(ctx, m)).Acquire(ctx, mpsync.NewOwner()))
				must[any](nil, held.Release())
				return nil, held.Release()
			},
		},
		{
			name:   "Semaphore counts",
			python: "s = m.Semaphore(2); result = [s.acquire(False), s.acquire(False), s.acquire(False)]", want: "[True, True, False]",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				s := must(mpsync.NewSemaphore(ctx, m, 2))
				return []any{must(s.TryAcquire(ctx)), must(s.TryAcquire(ctx)), must(s.TryAcquire(ctx))}, nil
			},
		},
		{
			name:   "Semaphore released without an acquire grows",
			python: "s = m.Semaphore(0); s.release(); result = s.acquire(False)", want: "True",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				s := must(mpsync.NewSemaphore(ctx, m, 0))
				must[any](nil, s.Release())
				return s.TryAcquire(ctx)
			},
		},
		{
			name:   "Semaphore below 0",
			python: "threading.Semaphore(-1)", want: "error: ValueError",
			differs: "error: mpsync: NewSemaphore: -1 units: there must be 0 or more", why: "there is no sentinel for a wrong argument",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) { return mpsync.NewSemaphore(ctx, m, -1) },
		},
		{
			name:   "BoundedSemaphore released too often",
			python: "s = m.BoundedSemaphore(1); s.acquire(); s.release(); s.release()", want: "error: ValueError",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				s := must(mpsync.NewBoundedSemaphore(ctx, m, 1))
				return nil, errors.Join(s.Acquire(ctx), s.Release(), s.Release())
			},
		},
		{
			name:   "Condition.notify without the lock",
			python: "m.Condition().notify()", want: "error: RuntimeError",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				return must(mpsync.NewCondition(ctx, m, nil)).Notify(ctx, nil, 1)
			},
		},
		{
			name:   "Condition.wait without the lock",
			python: "m.Condition().wait()", want: "error: RuntimeError",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				return nil, must(mpsync.NewCondition(ctx, m, nil)).Wait(ctx, nil)
			},
		},
		{
			name:   "Condition.wait that times out has the lock again",
			python: "c = m.Condition(); c.acquire(); w = c.wait(0.02); c.release(); result = w", want: "False",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				c := must(mpsync.NewCondition(ctx, m, nil))
				held := must(c.Acquire(ctx))
				waited := c.Wait(briefly(ctx), held)
				must[any](nil, held.Release())
				return timedOut(waited)
			},
		},
		{
			name:   "Event",
			python: "e = m.Event(); a = [e.is_set(), e.wait(0.02)]; e.set(); a += [e.is_set(), e.wait()]; e.clear(); result = a + [e.is_set()]",
			want:   "[False, False, True, True, False]",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				e := must(mpsync.NewEvent(ctx, m))
				a := []any{must(e.IsSet(ctx)), must(timedOut(e.Wait(briefly(ctx))))}
				must[any](nil, e.Set(ctx))
				a = append(a, must(e.IsSet(ctx)), must(timedOut(e.Wait(ctx))))
				must[any](nil, e.Clear(ctx))
				return append(a, must(e.IsSet(ctx))), nil
			},
		},
		{
			name:   "Barrier for one",
			python: "b = m.Barrier(1); result = [b.wait(), b.parties, b.n_waiting, b.broken]", want: "[0, 1, 0, False]",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				b := must(mpsync.NewBarrier(ctx, m, 1))
				return []any{must(b.Wait(ctx)), must(b.Parties(ctx)), must(b.Waiting(ctx)), must(b.Broken(ctx))}, nil
			},
		},
		{
			name:   "Barrier that times out is broken",
			python: "b = m.Barrier(2)\ntry: b.wait(0.02)\nexcept threading.BrokenBarrierError: pass\nresult = b.broken", want: "True",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				b := must(mpsync.NewBarrier(ctx, m, 2))
				_, err := b.Wait(briefly(ctx))
				if !errors.Is(err, context.DeadlineExceeded) {
					return nil, err
				}
				return b.Broken(ctx)
			},
		},
		{
			name:   "Barrier after abort",
			python: "b = m.Barrier(2); b.abort(); b.wait()", want: "error: BrokenBarrierError",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				b := must(mpsync.NewBarrier(ctx, m, 2))
				must[any](nil, b.Abort(ctx))
				return b.Wait(ctx)
			},
		},
		{
			name:   "Barrier after abort and reset",
			python: "b = m.Barrier(2); b.abort(); b.reset(); result = b.broken", want: "False",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				b := must(mpsync.NewBarrier(ctx, m, 2))
				must[any](nil, errors.Join(b.Abort(ctx), b.Reset(ctx)))
				return b.Broken(ctx)
			},
		},
	}
}
