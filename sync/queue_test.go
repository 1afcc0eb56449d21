package sync_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

func TestQueueInOrder(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	q := must(mpsync.NewQueue[string](ctx, h.session(), 2))
	check(t, q.Put(ctx, "a"))
	if !must(q.TryPut(ctx, "b")) || must(q.TryPut(ctx, "c")) {
		t.Error("a queue for two holds another number")
	}
	put := async(func() (any, error) { return nil, q.Put(ctx, "c") })
	h.untilWaiting(1)
	if n, c := must(q.Len(ctx)), must(q.Cap(ctx)); n != 2 || c != 2 {
		t.Errorf("Len %d, Cap %d", n, c)
	}
	var got []string
	got = append(got, must(q.Get(ctx)))
	_, err := wait(t, put)
	check(t, err)
	check(t, q.Close(ctx))
	if err := q.Put(ctx, "d"); !errors.Is(err, mpsync.ErrClosed) {
		t.Errorf("put into a closed queue: %v", err)
	}
	for v, err := range q.All(ctx) {
		check(t, err)
		got = append(got, v)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
		t.Error(diff)
	}
	if _, _, err := q.TryGet(ctx); !errors.Is(err, mpsync.ErrClosed) {
		t.Errorf("TryGet at the end: %v", err)
	}
}

func TestQueueCloseEndsWaits(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	full, empty := must(mpsync.NewQueue[int](ctx, m, 1)), must(mpsync.NewQueue[int](ctx, m, 0))
	check(t, full.Put(ctx, 1))
	put := async(func() (any, error) { return nil, full.Put(ctx, 2) })
	get := async(func() (int, error) { return empty.Get(ctx) })
	h.untilWaiting(2)
	check(t, full.Close(ctx))
	check(t, empty.Close(ctx))
	if _, err := wait(t, put); !errors.Is(err, mpsync.ErrClosed) {
		t.Errorf("put: %v", err)
	}
	if _, err := wait(t, get); !errors.Is(err, mpsync.ErrClosed) {
		t.Errorf("get: %v", err)
	}
}

func TestQueueCancelledGetTakesNothing(t *testing.T) {
	h := newHost(t)
	q := must(mpsync.NewQueue[int](t.Context(), h.session(), 0))
	ctx, cancel := context.WithCancel(t.Context())
	given := async(func() (int, error) { return q.Get(ctx) })
	h.untilWaiting(1)
	cancel()
	if _, err := wait(t, given); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	check(t, q.Put(t.Context(), 7))
	if got := must(q.Get(t.Context())); got != 7 {
		t.Errorf("got %d", got)
	}
}

// A cancel that races with an item either gets it or leaves it: counted over many tries, none is lost.
func TestQueueCancelRacesWithItems(t *testing.T) {
	h := newHost(t)
	q := must(mpsync.NewQueue[int](t.Context(), h.session(), 0))
	const tries = 300
	got := 0
	for i := range tries {
		ctx, cancel := context.WithCancel(t.Context())
		get := async(func() (int, error) { return q.Get(ctx) })
		put := async(func() (any, error) { return nil, q.Put(t.Context(), i) })
		cancel()
		_, err := wait(t, put)
		check(t, err)
		if _, err := wait(t, get); err == nil {
			got++
		} else if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if left := must(q.Len(t.Context())); got+left != tries {
		t.Errorf("%d were put, %d were got and %d are left", tries, got, left)
	}
}

// What was handed to others is not waited for; should they die with it, it is there for whoever asks then.
func TestQueueThatIsClosedAndEmptyKeepsNobodyWaiting(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	doomed := h.session()
	theirs := must(mpsync.NewQueue[int](ctx, doomed, 0, mpsync.Named("ending")))
	ours := must(mpsync.NewQueue[int](ctx, h.session(), 0, mpsync.Named("ending")))
	check(t, ours.Put(ctx, 1))
	must(theirs.Invoke(ctx, "Get", nil)) // as Get does before it has said that the item has arrived
	waiting := async(func() (int, error) { return ours.Get(ctx) })
	h.untilWaiting(1)
	check(t, ours.Close(ctx))
	if _, err := wait(t, waiting); !errors.Is(err, mpsync.ErrClosed) {
		t.Errorf("who waited got %v", err)
	}
	if _, _, err := ours.TryGet(ctx); !errors.Is(err, mpsync.ErrClosed) {
		t.Errorf("who asked got %v", err)
	}
	check(t, doomed.Close())
	h.until("the item is back", func(*manager.Info) bool { return must(ours.Len(ctx)) == 1 })
	if item := must(ours.GetItem(ctx)); item.Value != 1 || !item.Redelivered {
		t.Errorf("item %+v", item)
	}
	if _, err := ours.Get(ctx); !errors.Is(err, mpsync.ErrClosed) {
		t.Errorf("at the end: %v", err)
	}
}

func TestJoinableQueue(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	q := must(mpsync.NewJoinableQueue[int](ctx, h.session(), 0))
	check(t, q.Join(ctx))
	for i := range 3 {
		check(t, q.Put(ctx, i))
	}
	joined := async(func() (any, error) { return nil, q.Join(ctx) })
	h.untilWaiting(1)
	for range 2 {
		must(q.Get(ctx))
		check(t, q.TaskDone(ctx))
	}
	item, ok, err := q.TryGetItem(ctx)
	check(t, err)
	if n := must(q.Unfinished(ctx)); !ok || n != 1 || item.Value != 2 || item.Redelivered {
		t.Errorf("%d unfinished, item %+v", n, item)
	}
	if _, ok, err := q.TryGetItem(ctx); ok || err != nil {
		t.Errorf("an item of none: %v", err)
	}
	check(t, q.ItemDone(ctx, item))
	_, err = wait(t, joined)
	check(t, err)
	if err := q.TaskDone(ctx); !errors.Is(err, mpsync.ErrTooManyDone) {
		t.Errorf("TaskDone once too often: %v", err)
	}
	if err := q.ItemDone(ctx, item); !errors.Is(err, mpsync.ErrTooManyDone) {
		t.Errorf("ItemDone twice: %v", err)
	}
}

func TestJoinableQueueOfAConsumerThatDied(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	doomed := h.session()
	name := mpsync.Named("tasks")
	theirs := must(mpsync.NewJoinableQueue[int](ctx, doomed, 0, name))
	ours := must(mpsync.NewJoinableQueue[int](ctx, h.session(), 0, name))
	for i := range 4 {
		check(t, ours.Put(ctx, i))
	}
	must(theirs.Get(ctx))
	must(theirs.Get(ctx))
	check(t, theirs.TaskDone(ctx)) // of 0
	check(t, doomed.Close())
	h.until("the item is back", func(*manager.Info) bool { return must(ours.Len(ctx)) == 3 })
	var got []mpsync.Item[int]
	joined := async(func() (any, error) { return nil, ours.Join(ctx) })
	for range 3 {
		item := must(ours.GetItem(ctx))
		got = append(got, mpsync.Item[int]{Value: item.Value, Redelivered: item.Redelivered, Deliveries: item.Deliveries})
		check(t, ours.ItemDone(ctx, item))
	}
	want := []mpsync.Item[int]{{Value: 1, Redelivered: true, Deliveries: 2}, {Value: 2, Deliveries: 1}, {Value: 3, Deliveries: 1}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mpsync.Item[int]{})); diff != "" {
		t.Error(diff)
	}
	_, err := wait(t, joined)
	check(t, err)
}

func TestJoinableQueueEndsWhenNothingCanComeBack(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	doomed := h.session()
	name := mpsync.Named("ending")
	theirs := must(mpsync.NewJoinableQueue[int](ctx, doomed, 0, name))
	ours := must(mpsync.NewJoinableQueue[int](ctx, h.session(), 0, name))
	check(t, ours.Put(ctx, 1))
	check(t, ours.Put(ctx, 2))
	must(theirs.Get(ctx))
	must(theirs.Get(ctx))
	check(t, ours.Close(ctx))
	get := async(func() (int, error) { return ours.Get(ctx) })
	h.untilWaiting(1)
	check(t, theirs.TaskDone(ctx))
	check(t, doomed.Close())
	if got, err := wait(t, get); err != nil || got != 2 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := ours.Get(ctx); !errors.Is(err, mpsync.ErrClosed) {
		t.Errorf("at the end: %v", err)
	}
}
