package sync_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
	"github.com/multiproc-go/multiproc/wire"
)

// everything makes one object of each type.
func everything(ctx context.Context, m *manager.Manager) map[string]*manager.Proxy {
	return map[string]*manager.Proxy{
		"Lock":             &must(mpsync.NewLock(ctx, m)).Proxy,
		"RLock":            &must(mpsync.NewRLock(ctx, m)).Proxy,
		"Semaphore":        &must(mpsync.NewSemaphore(ctx, m, 1)).Proxy,
		"BoundedSemaphore": &must(mpsync.NewBoundedSemaphore(ctx, m, 1)).Proxy,
		"Condition":        &must(mpsync.NewCondition(ctx, m, nil)).Proxy,
		"Event":            &must(mpsync.NewEvent(ctx, m)).Proxy,
		"Barrier":          &must(mpsync.NewBarrier(ctx, m, 2)).Proxy,
		"Queue":            &must(mpsync.NewQueue[int](ctx, m, 1)).Proxy,
		"JoinableQueue":    &must(mpsync.NewJoinableQueue[int](ctx, m, 1)).Proxy,
		"List":             &must(mpsync.NewList[int](ctx, m)).Proxy,
		"Dict":             &must(mpsync.NewDict[string, int](ctx, m)).Proxy,
		"Set":              &must(mpsync.NewSet[int](ctx, m)).Proxy,
		"Value":            &must(mpsync.NewValue(ctx, m, 1)).Proxy,
		"Array":            &must(mpsync.NewArray(ctx, m, []int{1, 2})).Proxy,
		"Namespace":        &must(mpsync.NewNamespace(ctx, m)).Proxy,
	}
}

// Whatever arguments a client sends, it gets an error or a result, and the manager goes on.
func TestArgumentsThatAreGarbage(t *testing.T) {
	garbage := map[string][]byte{
		"a byte that means nothing": {0xc1},
		"a cut string":              {0xd9, 200, 'a'},
		"an array of 2^32-1":        {0xdd, 0xff, 0xff, 0xff, 0xff},
		"a map of 2^32-1":           {0xdf, 0xff, 0xff, 0xff, 0xff},
		"a negative number":         {0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0, 0xc1},
		"more than was asked for":   {0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0},
		"a token of nothing":        wire.AppendToken([]byte{0x91}, wire.Token{Type: "Lock", Address: "unix:/nowhere", ID: 3}),
	}
	h := newHost(t)
	m := h.session()
	for kind, p := range everything(t.Context(), m) {
		for _, method := range must(p.Methods(t.Context())) {
			for what, argument := range garbage {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				_, err := p.Invoke(ctx, method, argument)
				cancel()
				var remote *wire.RemoteError
				switch {
				case err == nil && what == "a token of nothing": // it may be looked for, and is not there
				case !errors.As(err, &remote):
					t.Errorf("%s.%s took %s: %v", kind, method, what, err)
				case remote.Panic:
					t.Errorf("%s.%s panicked at %s: %+v", kind, method, what, remote)
				}
			}
		}
		check(t, p.Close())
	}
}

// Numbers that are valid and absurd are refused, or done at once.
func TestNumbersThatAreAbsurd(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m := h.session()
	const huge = math.MaxInt/2 + 1
	semaphore := must(mpsync.NewSemaphore(ctx, m, 0))
	check(t, semaphore.ReleaseN(huge))
	if err := semaphore.ReleaseN(huge); !errors.Is(err, mpsync.ErrOverReleased) {
		t.Errorf("more units than there are numbers: %v", err)
	}
	list := must(mpsync.NewList[int](ctx, m))
	check(t, list.Append(ctx, 1))
	check(t, list.SetSlice(ctx, -huge, huge, 2))
	for what, err := range map[string]error{
		"Insert": list.Insert(ctx, -huge, 1), "Set": list.Set(ctx, huge, 1), "Repeat": list.Repeat(ctx, huge),
		"SetSlice": must(mpsync.NewArray(ctx, m, []int{1})).SetSlice(ctx, huge, []int{1}),
	} {
		if !errors.Is(err, mpsync.ErrOutOfRange) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := mpsync.NewBarrier(ctx, m, 0); err == nil {
		t.Error("a barrier for nobody")
	}
	if _, err := mpsync.NewQueue[int](ctx, m, -1); err == nil {
		t.Error("a queue of less than nothing")
	}
}

// A context that has ended already gets nothing and takes nothing.
func TestContextsThatHaveEnded(t *testing.T) {
	h := newHost(t)
	m := h.session()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	lock, queue := must(mpsync.NewLock(t.Context(), m)), must(mpsync.NewQueue[int](t.Context(), m, 0))
	for range 50 {
		held, err := lock.Acquire(gone)
		switch {
		case err == nil: // it won the race
			check(t, held.Release())
		case !errors.Is(err, context.Canceled):
			t.Fatal(err)
		}
		if err := queue.Put(gone, 1); err == nil {
			must(queue.Get(t.Context()))
		}
	}
	if must(lock.Locked(t.Context())) || must(queue.Len(t.Context())) != 0 {
		t.Error("something was done for a call that failed")
	}
}

// Sessions end at any moment, with holds, waits and items of all kinds; afterwards everything is free again.
func TestSessionsThatEndAnywhere(t *testing.T) {
	h := newHost(t)
	const rounds, each = 15, 4
	keeper := h.session()
	name := func(n string) mpsync.Option { return mpsync.Named(n) }
	lock := must(mpsync.NewLock(t.Context(), keeper, name("lock")))
	units := must(mpsync.NewBoundedSemaphore(t.Context(), keeper, 2, name("units")))
	queue := must(mpsync.NewJoinableQueue[int](t.Context(), keeper, 0, name("queue")))
	condition := must(mpsync.NewCondition(t.Context(), keeper, nil, name("condition")))
	for i := range each {
		check(t, queue.Put(t.Context(), i))
	}
	for round := range rounds {
		var running []<-chan outcome[any]
		var sessions []*manager.Manager
		for range each {
			m := h.session()
			sessions = append(sessions, m)
			running = append(running, async(func() (any, error) { return nil, disturb(m) }))
		}
		for i := range each + round {
			held := must(lock.Acquire(t.Context()))
			check(t, held.Release())
			if i < each {
				check(t, sessions[i].Close())
			}
		}
		for _, r := range running {
			if _, err := wait(t, r); err == nil {
				t.Error("a session that has ended goes on")
			}
		}
	}
	h.until("all sessions have ended", func(i *manager.Info) bool { return len(i.Sessions) == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	check(t, must(lock.Acquire(ctx)).Release())
	check(t, must(condition.Acquire(ctx)).Release())
	expect(t, "units", must(units.Value(ctx)), 2)
	var items []int
	for range each {
		items = append(items, must(queue.Get(ctx)))
		check(t, queue.TaskDone(ctx))
	}
	expect(t, "items, in their order", items, []int{0, 1, 2, 3})
	check(t, queue.Join(ctx))
}

// disturb holds and waits for everything in turn, until its session ends.
func disturb(m *manager.Manager) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	lock, err := mpsync.NewLock(ctx, m, mpsync.Named("lock"))
	if err != nil {
		return err
	}
	units, err1 := mpsync.NewBoundedSemaphore(ctx, m, 2, mpsync.Named("units"))
	queue, err2 := mpsync.NewJoinableQueue[int](ctx, m, 0, mpsync.Named("queue"))
	condition, err3 := mpsync.NewCondition(ctx, m, nil, mpsync.Named("condition"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	for {
		held, err := lock.Acquire(ctx)
		if err != nil {
			return err
		}
		if err := units.Acquire(ctx); err != nil {
			return err
		}
		if _, _, err := queue.TryGet(ctx); err != nil { // what it gets it keeps
			return err
		}
		if err := errors.Join(held.Release(), units.Release()); err != nil {
			return err
		}
		inside, err := condition.Acquire(ctx)
		if err != nil {
			return err
		}
		brief, done := context.WithTimeout(ctx, time.Millisecond)
		err = condition.Wait(brief, inside)
		done()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err := inside.Release(); err != nil {
			return err
		}
	}
}
