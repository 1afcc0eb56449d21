package pool_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

func TestHostedSharedSequence(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2})
	var read atomic.Int64
	endless := func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			read.Store(int64(i))
		}
	}
	it := must(double.IMapSharedSeq(t.Context(), h, endless))
	defer it.Close()
	const most = 2*2 + 2*2*8192 // twice what 2 workers are sent ahead of the shortest tasks
	hostedEventually(t, "inputs are read ahead", func() bool { return read.Load() > 0 && hostedStats(t, h).Pending == 0 })
	for range 100 {
		if s := hostedStats(t, h); s.Submitted > most {
			t.Fatalf("%d tasks were submitted though nobody takes results", s.Submitted)
		}
	}
	for i := range 5000 {
		if r, err := it.Next(t.Context()); err != nil || r.Err != nil || r.Index != i || r.Value != 2*i {
			t.Fatalf("result %d: %+v, %v", i, r, err)
		}
	}
	it.Close() // nobody else has it, so that the reading ends
	before := hostedStats(t, h).Submitted
	hostedEventually(t, "no more is submitted", func() bool {
		now := hostedStats(t, h)
		still := now.Submitted == before && now.Pending == 0
		before = now.Submitted
		return still
	})

	unordered := must(double.IMapSharedSeqUnordered(t.Context(), h, slices.Values([]int{1, 2, 3})))
	defer unordered.Close()
	var got []int
	for value, err := range unordered.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, value)
	}
	if slices.Sort(got); !slices.Equal(got, []int{2, 4, 6}) {
		t.Errorf("got %v", got)
	}
	none := must(double.IMapSharedSeq(t.Context(), h, slices.Values([]int(nil))))
	defer none.Close()
	if _, err := none.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("of nothing: %v", err)
	}
}

// Inputs that fail, sequences that do, and those who stop them.
func TestHostedSharedSequenceCutShort(t *testing.T) {
	m := newManager(t)
	h := newHosted(t, m, &pool.Options{Workers: 1, MaxPayload: 100 << 10, Grace: 100 * time.Millisecond})
	ends := func(name string, it *pool.SharedIterator[[]byte], results int, text string) {
		t.Helper()
		defer it.Close()
		for i := range results {
			if r, err := it.Next(t.Context()); err != nil || r.Index != i || errors.Is(r.Err, pool.ErrTaskTooLarge) != (i == 1) {
				t.Errorf("%s: result %d: %v, %v", name, i, r.Err, err)
			}
		}
		for range 2 {
			if _, err := it.Next(t.Context()); !errors.Is(err, pool.ErrCutShort) || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: at the end: %v", name, err)
			}
		}
	}
	three := func(yield func([]byte) bool) bool {
		return yield([]byte("a")) && yield(make([]byte, 200<<10)) && yield([]byte("c"))
	}
	blocks := func(yield func([]byte) bool) {
		if three(yield) {
			for yield(nil) {
			}
		}
	}
	ends("a panic", must(echo.IMapSharedSeq(t.Context(), h, func(yield func([]byte) bool) {
		three(yield)
		panic("no more")
	})), 3, "no more")
	ends("a goroutine's end", must(echo.IMapSharedSeq(t.Context(), h, func(yield func([]byte) bool) {
		three(yield)
		runtime.Goexit()
	})), 3, "Goexit")
	ctx, cancel := context.WithCancel(t.Context())
	it := must(echo.IMapSharedSeq(ctx, h, func(yield func([]byte) bool) {
		three(yield)
		<-ctx.Done() // it ends in the same moment, and looked like a sequence at its end
	}))
	hostedEventually(t, "inputs were sent", func() bool {
		s := hostedStats(t, h)
		return s.Pending == 0 && s.Done >= 6
	})
	cancel()
	ends("a context", it, 3, "canceled")

	it = must(echo.IMapSharedSeq(t.Context(), h, blocks))
	if err := it.Cancel(t.Context()); err != nil {
		t.Error(err)
	}
	for {
		if _, err := it.Next(t.Context()); err != nil {
			if !errors.Is(err, pool.ErrCutShort) || !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			break
		}
	}
	it.Close()

	it = must(echo.IMapSharedSeq(t.Context(), h, blocks))
	if err := h.Terminate(t.Context()); err != nil {
		t.Error(err)
	}
	for {
		if _, err := it.Next(t.Context()); err != nil {
			if !errors.Is(err, pool.ErrCutShort) || !errors.Is(err, pool.ErrClosed) {
				t.Errorf("of a pool that was ended: %v", err)
			}
			break
		}
	}
	it.Close()
	if err := h.Shutdown(t.Context()); err != nil { // waits for who feeds
		t.Error(err)
	}
}

// A giver is a process that shares an iterator over a sequence that has no end.
type giver struct {
	Pipe *spawn.PipeEnd
	Pool *pool.Hosted
}

var gives = spawn.RegisterNamed("pool_test.give", func(ctx context.Context, g giver) error {
	it, err := double.IMapSharedSeq(ctx, g.Pool, func(yield func(int) bool) {
		for i := range 10 {
			if !yield(i) {
				return
			}
		}
		<-ctx.Done()
	})
	if err != nil {
		return err
	}
	token, err := it.MarshalMsg(nil)
	if err != nil {
		return err
	}
	if err := g.Pipe.Send(token); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
})

func TestHostedSharedSequenceOfAKilledProcess(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 1, Grace: 100 * time.Millisecond})
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	process := must(gives.Start(t.Context(), giver{theirs, h}, nil))
	defer process.Shutdown(context.Background())
	var it pool.SharedIterator[int]
	if _, err := it.UnmarshalMsg(must(ours.Receive())); err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for i := range 10 {
		if r, err := it.Next(t.Context()); err != nil || r.Value != 2*i {
			t.Fatalf("result %d: %+v, %v", i, r, err)
		}
	}
	waits := make(chan error, 1)
	go func() {
		_, err := it.Next(t.Context())
		waits <- err
	}()
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-waits:
		if !errors.Is(err, pool.ErrCutShort) {
			t.Errorf("after the death of who fed it: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("a caller of Next waits for ever")
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
