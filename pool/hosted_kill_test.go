package pool_test

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// An occupant is a process with everything pending that one can have with a hosted pool.
type occupant struct {
	Pipe *spawn.PipeEnd
	Pool *pool.Hosted
	Box  *manager.Proxy
}

var occupies = spawn.RegisterNamed("pool_test.occupy", func(ctx context.Context, o occupant) error {
	if _, err := sleeps.ApplyAsync(ctx, o.Pool, time.Minute); err != nil {
		return err
	}
	if _, err := naps.MapAsync(ctx, o.Pool, make([]parcel, 100)); err != nil {
		return err
	}
	if _, err := naps.ApplyAsync(ctx, o.Pool, parcel{Box: o.Box, Pool: o.Pool}); err != nil {
		return err
	}
	endless := func(yield func(time.Duration) bool) {
		for yield(time.Minute) {
		}
	}
	sleeps.IMap(ctx, o.Pool, endless)
	sleeps.IMapUnordered(ctx, o.Pool, endless)
	if _, err := sleeps.IMapSharedSeq(ctx, o.Pool, endless); err != nil {
		return err
	}
	if _, err := sleeps.ApplyShared(ctx, o.Pool, time.Minute); err != nil {
		return err
	}
	// Results that are never taken, since nobody runs in a process that was stopped.
	if _, err := grows.MapAsync(ctx, o.Pool, slicesOf(50, 1<<20)); err != nil {
		return err
	}
	if err := o.Pipe.Send(nil); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
})

// naps takes proxies and a minute.
var naps = pool.RegisterNamed("test.naps", func(ctx context.Context, _ parcel) (parcel, error) {
	<-ctx.Done()
	return parcel{}, ctx.Err()
})

func startOccupant(t *testing.T, h *pool.Hosted, box *manager.Proxy) *spawn.Process {
	t.Helper()
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	process := must(occupies.Start(t.Context(), occupant{theirs, h, box}, nil))
	t.Cleanup(func() {
		_ = process.Kill() // it may be dead already
		if err := process.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := ours.Receive(); err != nil {
		t.Fatal(err, process.Wait(t.Context()))
	}
	return process
}

// A client that is stopped with everything pending, and later killed, leaves nothing, and the others get what is theirs.
func TestHostedKilledWithEverythingPending(t *testing.T) {
	m := newManager(t)
	h := newHosted(t, m, &pool.Options{Workers: 3, Grace: 50 * time.Millisecond, ResultBytes: 1 << 20})
	box := must(manager.Create(t.Context(), m, "pool_test.box", nil, nil))
	defer box.Close()
	process := startOccupant(t, h, box)
	hostedEventually(t, "its tasks are there", func() bool { return hostedStats(t, h).Pending > 100 })
	if err := syscall.Kill(process.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	mine := must(double.MapAsync(t.Context(), h, slicesOf(1000, 2)))
	shared := must(double.IMapSharedSeq(t.Context(), h, slices.Values(slicesOf(1000, 3))))
	defer shared.Close()
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got, err := mine.Get(t.Context()); err != nil || len(got) != 1000 || got[999] != 4 {
		t.Errorf("%d results, %v", len(got), err)
	}
	n := 0
	for value, err := range shared.All(t.Context()) {
		if n++; err != nil || value != 6 {
			t.Fatalf("result %d: %d, %v", n, value, err)
		}
	}
	if n != 1000 {
		t.Errorf("%d shared results", n)
	}
	hostedEventually(t, "nothing is pending", func() bool { return hostedStats(t, h).Pending == 0 })
	if s := hostedStats(t, h); s.Submitted != s.Done+s.Cancelled+s.Lost || s.Lost != 0 {
		t.Errorf("at the end: %+v", s)
	}
	hostedEventually(t, "the objects of the dead are gone", func() bool {
		return must(m.NumberOfObjects(t.Context())) <= 4 // the pool, our attachment, the iterator, the box
	})
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// Every way to wait for a hosted pool ends with the manager, and so do its workers.
func TestHostedManagerKilledUnderItsCallers(t *testing.T) {
	m := must(manager.Start(t.Context(), nil))
	h := newHosted(t, m, &pool.Options{Workers: 2, Grace: 50 * time.Millisecond})
	slow := must(sleeps.ApplyShared(t.Context(), h, time.Minute))
	defer slow.Close()
	pids := []int{}
	hostedEventually(t, "both workers are there", func() bool {
		pids = pids[:0]
		for _, w := range hostedStats(t, h).Workers {
			if w.PID != 0 {
				pids = append(pids, w.PID)
			}
		}
		return len(pids) == 2
	})
	var it *pool.SharedIterator[int]
	waits := map[string]func(context.Context) error{
		"Apply": func(ctx context.Context) error { _, err := sleeps.Apply(ctx, h, time.Minute); return err },
		"Map": func(ctx context.Context) error {
			_, err := sleeps.Map(ctx, h, slices.Repeat([]time.Duration{time.Minute}, 3))
			return err
		},
		"IMap": func(ctx context.Context) error {
			for _, err := range sleeps.IMap(ctx, h, slices.Values([]time.Duration{time.Minute})).All() {
				return err
			}
			return nil
		},
		"Get":      func(ctx context.Context) error { _, err := slow.Get(ctx); return err },
		"Next":     func(ctx context.Context) error { _, err := it.Next(ctx); return err },
		"Shutdown": func(ctx context.Context) error { return h.Shutdown(ctx) },
	}
	type end struct {
		name string
		err  error
	}
	ends := make(chan end, len(waits))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	wait := func(name string) { go func() { ends <- end{name, waits[name](ctx)} }() }
	for _, name := range []string{"Apply", "Map", "IMap", "Get"} {
		wait(name)
	}
	// The pool has slow and all that these submit, before a sequence of no end fills it and Shutdown has it refuse the rest.
	hostedEventually(t, "they wait", func() bool { return hostedStats(t, h).Pending == 1+1+3+1 })
	it = must(sleeps.IMapSharedSeq(t.Context(), h, func(yield func(time.Duration) bool) {
		for yield(time.Minute) {
		}
	}))
	defer it.Close()
	wait("Next")
	hostedEventually(t, "the sequence is read", func() bool { return hostedStats(t, h).Pending > 6 })
	wait("Shutdown")
	hostedEventually(t, "the pool refuses", func() bool {
		_, err := sleeps.ApplyAsync(ctx, h, 0)
		return errors.Is(err, pool.ErrClosed)
	})
	if err := m.Process().Kill(); err != nil {
		t.Fatal(err)
	}
	for range waits {
		if e := <-ends; !errors.Is(e.err, manager.ErrManagerLost) {
			t.Errorf("%s: %v", e.name, e.err)
		}
	}
	for _, pid := range pids {
		hostedEventually(t, "the workers are gone", func() bool { return gone(pid) })
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// The loss of a worker is told to whose task it ran, and to nobody else.
func TestHostedWorkerKilledMidTask(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2, Grace: 50 * time.Millisecond})
	other := must(h.Clone())
	defer other.Close()
	box := must(manager.Create(t.Context(), must(h.Proxy().Manager()), "pool_test.box", nil, nil))
	defer box.Close()
	mine := must(sleeps.ApplyAsync(t.Context(), h, time.Minute))
	theirs := must(opens.ApplyAsync(t.Context(), other, parcel{Box: box}))
	shared := must(sleeps.ApplyShared(t.Context(), other, 0))
	defer shared.Close()
	victim := 0
	hostedEventually(t, "both tasks run", func() bool {
		busy := 0
		for _, w := range hostedStats(t, h).Workers {
			if w.State == pool.Busy && w.Age > 0 {
				busy++
			}
			if w.Function == sleeps.Name() && w.Age > 0 {
				victim = w.PID
			}
		}
		return busy == 2 && victim != 0
	})
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var lost *pool.WorkerLostError
	if _, err := mine.Get(t.Context()); !errors.As(err, &lost) || lost.PID != victim || lost.Signal != syscall.SIGKILL || lost.Function != sleeps.Name() {
		t.Errorf("the task of the dead worker: %#v", err)
	}
	if _, err := box.Invoke(t.Context(), "Put", []byte{0xa1, 'x'}); err != nil {
		t.Fatal(err)
	}
	if got, err := theirs.Get(t.Context()); got != 9 || err != nil {
		t.Errorf("another's task: %d, %v", got, err)
	}
	if _, err := shared.Get(t.Context()); err != nil {
		t.Errorf("a task that waited: %v", err)
	}
	dying := must(dies.ApplyShared(t.Context(), other, int(syscall.SIGKILL)))
	defer dying.Close()
	if _, err := dying.Get(t.Context()); !errors.As(err, &lost) || lost.Signal != syscall.SIGKILL {
		t.Errorf("a shared task of a dead worker: %#v", err)
	}
}

// One client ends the pool while others wait for it.
func TestHostedEndedByAnother(t *testing.T) {
	for name, end := range map[string]func(*pool.Hosted, context.Context) error{
		"Terminate": (*pool.Hosted).Terminate, "Shutdown": (*pool.Hosted).Shutdown,
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			h := newHosted(t, m, &pool.Options{Workers: 1, Grace: 50 * time.Millisecond})
			other := must(h.Clone())
			defer other.Close()
			box := must(manager.Create(t.Context(), m, "pool_test.box", nil, nil))
			defer box.Close()
			running := must(opens.ApplyAsync(t.Context(), other, parcel{Box: box}))
			waiting := must(double.MapAsync(t.Context(), other, slicesOf(100, 1)))
			shared := must(double.ApplyShared(t.Context(), other, 5))
			defer shared.Close()
			hostedEventually(t, "all is submitted", func() bool { return hostedStats(t, h).Pending == 102 })
			ended := make(chan error, 1)
			go func() { ended <- end(h, t.Context()) }()
			hostedEventually(t, "the pool refuses", func() bool {
				_, err := double.ApplyAsync(t.Context(), other, 1)
				return errors.Is(err, pool.ErrClosed)
			})
			if _, err := double.ApplyShared(t.Context(), other, 1); !errors.Is(err, pool.ErrClosed) {
				t.Errorf("a later shared task: %v", err)
			}
			if _, err := box.Invoke(t.Context(), "Put", []byte{0xa1, 'x'}); err != nil {
				t.Fatal(err)
			}
			_, err := running.Get(t.Context())
			_, mapErr := waiting.Get(t.Context())
			_, sharedErr := shared.Get(t.Context())
			if name == "Shutdown" && errors.Join(err, mapErr, sharedErr) != nil {
				t.Errorf("what was submitted: %v, %v, %v", err, mapErr, sharedErr)
			}
			if name == "Terminate" && (!errors.Is(mapErr, pool.ErrClosed) || !errors.Is(sharedErr, pool.ErrClosed)) {
				t.Errorf("what was ended: %v, %v, %v", err, mapErr, sharedErr)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
