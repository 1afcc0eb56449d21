package integration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// allTypes has one of each shared type.
type allTypes struct {
	Event            *mpsync.Event
	Lock             *mpsync.Lock
	RLock            *mpsync.RLock
	Semaphore        *mpsync.Semaphore
	BoundedSemaphore *mpsync.BoundedSemaphore
	Condition        *mpsync.Condition
	Barrier          *mpsync.Barrier
	Queue            *mpsync.Queue[int]
	JoinableQueue    *mpsync.JoinableQueue[int]
	List             *mpsync.List[int]
	Dict             *mpsync.Dict[string, int]
	Set              *mpsync.Set[int]
	Value            *mpsync.Value[int]
	Array            *mpsync.Array[int]
	Namespace        *mpsync.Namespace
}

func newAllTypes(ctx context.Context, m *manager.Manager) allTypes {
	return allTypes{
		must(mpsync.NewEvent(ctx, m)), must(mpsync.NewLock(ctx, m)), must(mpsync.NewRLock(ctx, m)),
		must(mpsync.NewSemaphore(ctx, m, 1)), must(mpsync.NewBoundedSemaphore(ctx, m, 1)),
		must(mpsync.NewCondition(ctx, m, nil)), must(mpsync.NewBarrier(ctx, m, 5)),
		must(mpsync.NewQueue[int](ctx, m, 2)), must(mpsync.NewJoinableQueue[int](ctx, m, 2)), must(mpsync.NewList[int](ctx, m)),
		must(mpsync.NewDict[string, int](ctx, m)), must(mpsync.NewSet[int](ctx, m)), must(mpsync.NewValue(ctx, m, 1)),
		must(mpsync.NewArray(ctx, m, []int{0, 1})), must(mpsync.NewNamespace(ctx, m)),
	}
}

// expect fails where CPython's test asserts.
func expect[T comparable](what string, want T) func(T, error) error {
	return func(got T, err error) error {
		if err == nil && got != want {
			err = fmt.Errorf("got %v, want %v", got, want)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
		return err
	}
}

var useAllTypes = spawn.Register(func(ctx context.Context, a allTypes) error {
	return errors.Join(useLocks(ctx, a), useContainers(ctx, a))
})

// useLocks does to each what CPython's workers do, and exits with some of them held.
func useLocks(ctx context.Context, a allTypes) error {
	_, lock := a.Lock.Acquire(ctx)
	_, rlock := a.RLock.Acquire(ctx, mpsync.NewOwner())
	held, condition := a.Condition.Acquire(ctx)
	if condition == nil {
		condition = held.Release()
	}
	shortly, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	return errors.Join(
		expect("event", true)(a.Event.IsSet(ctx)), a.Event.Wait(ctx), a.Event.Clear(ctx), expect("event wait", true)(timedOut(a.Event.Wait(shortly))),
		lock, rlock, condition, a.Semaphore.Acquire(ctx), a.BoundedSemaphore.Acquire(ctx),
		expect("parties", 5)(a.Barrier.Parties(ctx)), a.Barrier.Reset(ctx),
	)
}

func timedOut(err error) (bool, error) {
	if errors.Is(err, context.DeadlineExceeded) {
		return true, nil
	}
	return false, err
}

func useContainers(ctx context.Context, a allTypes) error {
	first, _, err := a.JoinableQueue.TryGet(ctx)
	if err == nil && first != 5 {
		err = fmt.Errorf("the joinable queue begins with %d", first)
	}
	key, value, popped := a.Dict.PopItem(ctx)
	if popped == nil && (key != "foo" || value != 5) {
		popped = fmt.Errorf("popped %q: %d", key, value)
	}
	return errors.Join(err, popped, a.JoinableQueue.TaskDone(ctx),
		expect("length", 2)(a.Queue.Len(ctx)), expect("get", 5)(a.Queue.Get(ctx)), expect("get again", 6)(a.Queue.Get(ctx)),
		expect("list", 5)(a.List.Get(ctx, 0)), expect("count", 1)(a.List.Count(ctx, 5)), expect("index", 0)(a.List.Index(ctx, 5)),
		a.List.SortFunc(ctx, cmp.Compare), a.List.Reverse(ctx), expect("pop", 5)(a.List.Pop(ctx, 0)),
		expect("set", 1)(a.Set.Len(ctx)), a.Set.Remove(ctx, 5),
		expect("value", 1)(a.Value.Get(ctx)), a.Value.Set(ctx, 2),
		expect("array", 1)(a.Array.Get(ctx, 1)), expect("array length", 2)(a.Array.Len(ctx)),
		expect("x", 0)(mpsync.Attr[int](a.Namespace, "x").Get(ctx)), mpsync.Attr[int](a.Namespace, "y").Set(ctx, 7),
	)
}

// As TestSyncManagerTypes: a process gets every type in its argument, and leaves something behind for its parent.
func TestCPythonSyncManagerTypes(t *testing.T) {
	ctx := t.Context()
	m := must(manager.Start(ctx, nil))
	defer func() {
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	a := newAllTypes(ctx, m)
	if _, err := a.Set.Add(ctx, 5); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Event.Set(ctx), a.Queue.Put(ctx, 5), a.Queue.Put(ctx, 6), a.JoinableQueue.Put(ctx, 5),
		a.List.Append(ctx, 5), a.Dict.Set(ctx, "foo", 5), mpsync.Attr[int](a.Namespace, "x").Set(ctx, 0)); err != nil {
		t.Fatal(err)
	}
	run(t, useAllTypes, a)
	held, err := a.Lock.Acquire(ctx) // the process that held it has ended
	if err != nil || !held.OwnerDied() {
		t.Errorf("the lock: %v", err)
	}
	if _, err := a.RLock.Acquire(ctx, mpsync.NewOwner()); err != nil {
		t.Error(err)
	}
	err = errors.Join(expect("event", false)(a.Event.IsSet(ctx)),
		a.Semaphore.Acquire(ctx), a.BoundedSemaphore.Acquire(ctx), a.JoinableQueue.Join(ctx), held.Release(),
		expect("queue", 0)(a.Queue.Len(ctx)), expect("list", 0)(a.List.Len(ctx)), expect("dict", 0)(a.Dict.Len(ctx)),
		expect("set", 0)(a.Set.Len(ctx)), expect("value", 2)(a.Value.Get(ctx)),
		expect("y", 7)(mpsync.Attr[int](a.Namespace, "y").Get(ctx)),
	)
	if err != nil {
		t.Error(err)
	}
}

// As test_dict_proxy_nested and test_nested_queue of _TestContainers: what is stored is the object, not a copy, and it is
// there however its other proxies went.
func TestCPythonNestedContainers(t *testing.T) {
	ctx := t.Context()
	m := must(manager.Start(ctx, nil))
	defer func() {
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	type inner = *mpsync.Dict[string, int]
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	supplies, d := must(mpsync.NewDict[string, int](ctx, m)), must(mpsync.NewDict[string, inner](ctx, m))
	outer := must(mpsync.NewList[inner](ctx, m))
	check(errors.Join(d.Set(ctx, "supplies", supplies), d.Set(ctx, "again", supplies), supplies.Set(ctx, "water", 10), supplies.Close()))
	for i, key := range []string{"supplies", "again"} {
		s, found, err := d.Get(ctx, key)
		if err != nil || !found {
			t.Fatalf("%s: %v", key, err)
		}
		if n, err := s.Add(ctx, "water", 1); n != 11+i || err != nil {
			t.Errorf("%s: %d, %v", key, n, err)
		}
		check(errors.Join(outer.Append(ctx, s, s), s.Close()))
	}
	check(errors.Join(d.Clear(ctx), d.Close()))
	all := must(outer.Snapshot(ctx))
	for _, s := range all {
		if water, _, err := s.Get(ctx, "water"); water != 12 || err != nil {
			t.Errorf("%d, %v", water, err)
		}
		check(s.Close())
	}
	if len(all) != 4 {
		t.Errorf("%d proxies in the list", len(all))
	}
	queues := must(mpsync.NewDict[int, *mpsync.Queue[[]int]](ctx, m))
	q := must(mpsync.NewQueue[[]int](ctx, m, 0))
	check(errors.Join(queues.Set(ctx, 0, q), q.Proxy.Close()))
	q, _, err := queues.Get(ctx, 0)
	check(err)
	check(q.Put(ctx, []int{4, 5, 6}))
	if got, err := q.Get(ctx); !slices.Equal(got, []int{4, 5, 6}) || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	check(errors.Join(q.Proxy.Close(), queues.Close(), outer.Close()))
	multiproctest.CheckManagerEmpty(t, m)
}
