package pool_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

func TestHostedSharedResult(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2, Grace: 100 * time.Millisecond})
	r := must(double.ApplyShared(t.Context(), h, 21))
	defer r.Close()
	for range 2 {
		if got, err := r.Get(t.Context()); got != 42 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
	}
	if ready, err := r.Ready(t.Context()); !ready || err != nil {
		t.Errorf("ready: %v, %v", ready, err)
	}
	failed := must(fails.ApplyShared(t.Context(), h, "x"))
	defer failed.Close()
	if _, err := failed.Get(t.Context()); !errors.Is(err, errSentinel) {
		t.Errorf("a failure: %v", err)
	}
	slow := must(sleeps.ApplyShared(t.Context(), h, time.Minute))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := slow.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait that was cut short: %v", err)
	}
	if ready, err := slow.Ready(t.Context()); ready || err != nil {
		t.Errorf("ready: %v, %v", ready, err)
	}
	if err := slow.Cancel(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := slow.Get(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	slow.Close()
	must(sleeps.ApplyShared(t.Context(), h, time.Minute)).Close()
	hostedEventually(t, "what nobody refers to is cancelled", func() bool { return hostedStats(t, h).Pending == 0 })
}

func TestHostedSharedIterator(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2})
	inputs := []int{1, 2, 3, 4, 5}
	it := must(double.IMapShared(t.Context(), h, inputs))
	defer it.Close()
	for i := range inputs {
		if r, err := it.Next(t.Context()); err != nil || r.Err != nil || r.Index != i || r.Value != 2*inputs[i] {
			t.Errorf("result %d: %+v, %v", i, r, err)
		}
	}
	for range 2 {
		if _, err := it.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v", err)
		}
	}
	unordered := must(double.IMapSharedUnordered(t.Context(), h, inputs))
	defer unordered.Close()
	var got []int
	for value, err := range unordered.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, value)
	}
	if slices.Sort(got); !slices.Equal(got, []int{2, 4, 6, 8, 10}) {
		t.Errorf("got %v", got)
	}
	none := must(double.IMapShared(t.Context(), h, nil))
	defer none.Close()
	if _, err := none.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("of nothing: %v", err)
	}
}

// A waiter is a process that waits for a result that another has asked for.
type waiter struct {
	Pipe   *spawn.PipeEnd
	Pool   *pool.Hosted
	Result *pool.SharedResult[int]
}

var waits = spawn.RegisterNamed("pool_test.wait", func(ctx context.Context, w waiter) error {
	got, err := w.Result.Get(ctx)
	if err != nil {
		return err
	}
	return w.Pipe.Send([]byte{byte(got)})
})

func TestHostedSharedResultOutlivesItsSubmitter(t *testing.T) {
	m := newManager(t)
	h := newHosted(t, m, &pool.Options{Workers: 1, Grace: 100 * time.Millisecond})
	gate := must(manager.Create(t.Context(), m, "pool_test.box", nil, nil))
	defer gate.Close()
	r := must(opens.ApplyShared(t.Context(), h, parcel{Box: gate}))
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	process := must(waits.Start(t.Context(), waiter{theirs, h, r}, nil))
	defer process.Shutdown(context.Background())
	r.Close()
	if _, err := gate.Invoke(t.Context(), "Put", []byte{0xa1, 'x'}); err != nil {
		t.Fatal(err)
	}
	if got, err := ours.Receive(); err != nil || got[0] != 9 {
		t.Errorf("the other process got %v, %v", got, err)
	}
	if err := process.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// opens returns when something is in the box.
var opens = pool.RegisterNamed("test.opens", func(ctx context.Context, p parcel) (int, error) {
	for ctx.Err() == nil {
		if value, err := p.Box.Invoke(ctx, "Get", nil); err != nil || len(value) > 0 {
			return 9, err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
	return 0, ctx.Err()
})
