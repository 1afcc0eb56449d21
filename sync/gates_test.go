package sync_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	mpsync "github.com/multiproc-go/multiproc/sync"
)

func TestSemaphoreOfOneThatDied(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	doomed := h.session()
	theirs := must(mpsync.NewSemaphore(ctx, doomed, 3, mpsync.Named("units")))
	ours := must(mpsync.NewSemaphore(ctx, h.session(), 3, mpsync.Named("units")))
	for range 3 {
		check(t, theirs.Acquire(ctx))
	}
	check(t, ours.Release()) // discharges one of theirs
	check(t, ours.Acquire(ctx))
	if must(ours.TryAcquire(ctx)) {
		t.Error("there was a fourth unit")
	}
	next := async(func() (any, error) { return nil, ours.Acquire(ctx) })
	h.untilWaiting(1)
	check(t, doomed.Close())
	_, err := wait(t, next)
	check(t, err)
	if n := must(ours.Value(ctx)); n != 1 {
		t.Errorf("%d units are free, of the two that were not discharged one should be", n)
	}
	check(t, ours.ReleaseN(2))
	if n := must(ours.Value(ctx)); n != 3 {
		t.Errorf("%d units are free", n)
	}
}

func TestBoundedSemaphore(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	s := must(mpsync.NewBoundedSemaphore(ctx, h.session(), 1))
	if err := s.Release(); !errors.Is(err, mpsync.ErrOverReleased) {
		t.Errorf("released too often: %v", err)
	}
	check(t, s.Acquire(ctx))
	check(t, s.Release())
	given, cancel := context.WithCancel(ctx)
	check(t, s.Acquire(ctx))
	waiting := async(func() (any, error) { return nil, s.Acquire(given) })
	h.untilWaiting(1)
	cancel()
	if _, err := wait(t, waiting); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	check(t, s.Release())
	if n := must(s.Value(ctx)); n != 1 {
		t.Errorf("%d units", n)
	}
}

func TestEvent(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	e := must(mpsync.NewEvent(ctx, h.session()))
	var waits []<-chan outcome[any]
	for range 3 {
		waits = append(waits, async(func() (any, error) { return nil, e.Wait(ctx) }))
	}
	h.untilWaiting(3)
	check(t, e.Set(ctx))
	check(t, e.Clear(ctx))
	for _, w := range waits {
		_, err := wait(t, w)
		check(t, err)
	}
	if must(e.IsSet(ctx)) {
		t.Error("set after Clear")
	}
	check(t, e.Set(ctx))
	check(t, e.Wait(ctx))
}

func TestBarrier(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	b := must(mpsync.NewBarrier(ctx, h.session(), 3))
	var waits []<-chan outcome[int]
	acted := 0 // by one at a time, which the barrier sees to
	for i := range 3 {
		waits = append(waits, async(func() (int, error) {
			return b.WaitAction(ctx, func() error { acted++; return nil })
		}))
		if i < 2 {
			h.untilWaiting(i + 1)
		}
	}
	var indices []int
	for _, w := range waits {
		i, err := wait(t, w)
		check(t, err)
		indices = append(indices, i)
	}
	if !slices.Equal(indices, []int{0, 1, 2}) || acted != 1 {
		t.Errorf("indices %v, acted %d times", indices, acted)
	}
	if p, w := must(b.Parties(ctx)), must(b.Waiting(ctx)); p != 3 || w != 0 {
		t.Errorf("%d parties, %d waiting", p, w)
	}
}

func TestBarrierBreaks(t *testing.T) {
	oops := errors.New("oops")
	h := newHost(t)
	doomed := h.session()
	ours := must(mpsync.NewBarrier(t.Context(), h.session(), 2, mpsync.Named("b")))
	theirs := must(mpsync.NewBarrier(t.Context(), doomed, 2, mpsync.Named("b")))
	big := must(mpsync.NewBarrier(t.Context(), h.session(), 3, mpsync.Named("big")))
	theirBig := must(mpsync.NewBarrier(t.Context(), doomed, 3, mpsync.Named("big")))
	breaks := map[string]struct {
		barrier *mpsync.Barrier
		by      func(t *testing.T)
	}{
		"abort": {ours, func(t *testing.T) { check(t, theirs.Abort(t.Context())) }},
		"action": {ours, func(t *testing.T) {
			if _, err := theirs.WaitAction(t.Context(), func() error { return oops }); !errors.Is(err, oops) {
				t.Errorf("the one that acted got %v", err)
			}
		}},
		"cancel": {big, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			other := async(func() (int, error) { return theirBig.Wait(ctx) })
			h.untilWaiting(2)
			cancel()
			if _, err := wait(t, other); !errors.Is(err, context.Canceled) {
				t.Errorf("the one that gave up got %v", err)
			}
		}},
	}
	try := func(t *testing.T, b *mpsync.Barrier, by func(t *testing.T)) {
		check(t, b.Reset(t.Context()))
		waiting := async(func() (int, error) { return b.Wait(t.Context()) })
		h.untilWaiting(1)
		by(t)
		if _, err := wait(t, waiting); !errors.Is(err, mpsync.ErrBroken) {
			t.Errorf("the one that waits got %v", err)
		}
		if !must(b.Broken(t.Context())) {
			t.Error("it is not broken")
		}
		if _, err := b.Wait(t.Context()); !errors.Is(err, mpsync.ErrBroken) {
			t.Errorf("the next one got %v", err)
		}
	}
	for name, test := range breaks {
		t.Run(name, func(t *testing.T) { try(t, test.barrier, test.by) })
	}
	t.Run("reset", func(t *testing.T) {
		check(t, ours.Reset(t.Context()))
		waiting := async(func() (int, error) { return ours.Wait(t.Context()) })
		h.untilWaiting(1)
		check(t, theirs.Reset(t.Context()))
		if _, err := wait(t, waiting); !errors.Is(err, mpsync.ErrBroken) || must(ours.Broken(t.Context())) {
			t.Errorf("reset: %v", err)
		}
	})
	t.Run("death", func(t *testing.T) {
		try(t, big, func(t *testing.T) {
			dying := async(func() (int, error) { return theirBig.Wait(t.Context()) })
			h.untilWaiting(2)
			check(t, doomed.Close())
			if _, err := wait(t, dying); err == nil {
				t.Error("the dead went on")
			}
		})
	})
}
