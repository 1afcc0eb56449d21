package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/multiproc-go/multiproc/pool"
)

// Each test here is a fault that the package once had.

// A cancelled task at the head of the queue used up the room of the link that found it.
func TestCancelledHeadHidesNoTask(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	running, err := sleeps.ApplyAsync(t.Context(), p, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	head, err := double.ApplyAsync(t.Context(), p, 1)
	if err != nil {
		t.Fatal(err)
	}
	next, err := double.ApplyAsync(t.Context(), p, 2)
	if err != nil {
		t.Fatal(err)
	}
	head.Cancel()
	for _, r := range []*pool.AsyncResult[int]{running, next} {
		if _, err := get(t, r); err != nil {
			t.Fatal(err)
		}
	}
}

// get is Get that does not wait for ever.
func get[R any](t *testing.T, r *pool.AsyncResult[R]) (R, error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("the task does not end"))
	defer cancel()
	return r.Get(ctx)
}

// A timer set for a far deadline hid the nearer one of a later task.
func TestNearDeadlineBehindAFarOne(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, Grace: 100 * time.Millisecond})
	if _, err := sleeps.WithTimeout(time.Hour).Apply(t.Context(), p, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	r, err := sleeps.WithTimeout(50*time.Millisecond).ApplyAsync(t.Context(), p, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, r); !errors.Is(err, pool.ErrTaskTimeout) {
		t.Fatal(err)
	}
}

// A large argument that took longer than a tick to send was taken back, again and again.
func TestLargeArgumentsArrive(t *testing.T) {
	for _, workers := range []int{1, 2} {
		p := newPool(t, &pool.Options{Workers: workers})
		const size = 80 << 20
		r, err := length.ApplyAsync(t.Context(), p, make([]byte, size))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := get(t, r); n != size || err != nil {
			t.Fatal(n, err)
		}
	}
}

var length = pool.RegisterNamed("test.length", func(_ context.Context, b []byte) (int, error) { return len(b), nil })

// A Map whose first batch was not in the queue yet was forgotten by Shutdown, and hung.
func TestShutdownWaitsForTheInputsOfAMap(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	mapped := make(chan error, 1)
	go func() {
		results, err := held.Map(context.Background(), p, []heldBack{{1}})
		if err == nil && results[0] != 1 {
			err = fmt.Errorf("got %v", results)
		}
		mapped <- err
	}()
	<-encoding
	ended := make(chan error, 1)
	go func() { ended <- p.Shutdown(context.Background()) }()
	awaitRefusal(t, p)
	encodeOn <- struct{}{}
	if err := errors.Join(<-mapped, <-ended); err != nil {
		t.Fatal(err)
	}
}

// awaitRefusal waits until the pool takes no more tasks.
func awaitRefusal(t *testing.T, p *pool.Pool) {
	t.Helper()
	awaitStats(t, p, func(pool.Stats) bool {
		r, err := double.ApplyAsync(t.Context(), p, 1)
		if err == nil {
			r.Cancel()
		}
		return errors.Is(err, pool.ErrClosed)
	})
}

// heldBack is an argument whose encoding waits for the test.
type heldBack struct{ N int }

var (
	encoding = make(chan struct{})
	encodeOn = make(chan struct{})
	held     = pool.RegisterNamed("test.held", func(_ context.Context, h heldBack) (int, error) { return h.N, nil })
)

func (h heldBack) MarshalBinary() ([]byte, error) {
	encoding <- struct{}{}
	<-encodeOn
	return []byte{byte(h.N)}, nil
}

func (h *heldBack) UnmarshalBinary(b []byte) error {
	h.N = int(b[0])
	return nil
}

// An answer that fits no task took with it the task that it was matched to.
func TestForgedAnswerLosesTheTask(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	for _, kind := range []int{2, 77} { // "passed over", and no kind at all
		r, err := forges.ApplyAsync(t.Context(), p, kind)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, r); err == nil {
			t.Fatal("a forged answer was believed")
		}
		if got, err := double.Apply(t.Context(), p, 4); err != nil || got != 8 {
			t.Fatal(got, err)
		}
	}
}

// forges writes an answer of its own into the ring of results, and dies.
var forges = pool.RegisterNamed("test.forges", func(_ context.Context, kind int) (int, error) {
	const resultTail, results, ring = 2 * 64, 4096 + 8*4096 + 256<<10, 256 << 10
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(maps), "\n") {
		if strings.Contains(line, "memfd:multiproc-link") {
			from, _, _ := strings.Cut(line, "-")
			base := unsafe.Add(unsafe.Pointer(nil), parseHex(from))
			tail := (*atomic.Uint64)(unsafe.Add(base, resultTail))
			record := unsafe.Add(base, results+tail.Load()%ring)
			*(*uint32)(record) = 0
			*(*uint32)(unsafe.Add(record, 4)) = uint32(kind)
			tail.Add(8)
		}
	}
	return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
})

// The end of the context looked like the end of the input.
func TestIteratorTellsThatItWasCutShort(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	ctx, cancel := context.WithCancel(t.Context())
	it := double.IMap(ctx, p, count(1_000_000))
	if _, err := it.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	cancel()
	for {
		if _, err := it.Next(t.Context()); err != nil {
			if !errors.Is(err, pool.ErrCutShort) || !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			return
		}
	}
}

// The signal for a task that took no notice of its cancellation hit the task after it.
func TestTerminationHitsNoOtherTask(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, Grace: 20 * time.Millisecond})
	for i := range 40 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		lingering, err := lingers.ApplyAsync(ctx, p, 20*time.Millisecond+time.Duration(i%12-4)*200*time.Microsecond)
		if err != nil {
			cancel()
			continue
		}
		innocent, err := sleeps.ApplyAsync(t.Context(), p, 10*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = get(t, lingering) // cancelled, one way or the other
		_, err = get(t, innocent)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// lingers goes on for a while when it was cancelled.
var lingers = pool.RegisterNamed("test.lingers", func(ctx context.Context, d time.Duration) (int, error) {
	<-ctx.Done()
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
	return 0, ctx.Err()
})

// A worker that was stopped while it had nothing to do kept its seat for ever.
func TestWorkerStoppedWhileIdleIsReplaced(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, Grace: 100 * time.Millisecond})
	stopProcess(t, workerPIDs(t, p, 1)[0])
	r, err := double.ApplyAsync(t.Context(), p, 4)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := get(t, r); err != nil || got != 8 {
		t.Fatal(got, err)
	}
}

// The batches of a Map overran a small queue.
func TestMapKeepsToTheQueue(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, QueueTasks: 2, Grace: 100 * time.Millisecond})
	r, err := sleeps.MapAsync(t.Context(), p, make([]time.Duration, 1000))
	if err != nil {
		t.Fatal(err)
	}
	for !r.Ready() {
		if s := p.Stats(); s.Waiting > 2 {
			t.Fatalf("QueueTasks is 2, and %d wait", s.Waiting)
		}
	}
}

// An error that was larger than MaxPayload ended the worker.
func TestLargeErrorsArrive(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, MaxPayload: 1000})
	var remote *pool.RemoteError
	if _, err := failsAtLength.Apply(t.Context(), p, 200_000); !errors.As(err, &remote) {
		t.Fatalf("got %.200v", err)
	}
}

var failsAtLength = pool.RegisterNamed("test.failsAtLength", func(_ context.Context, n int) (int, error) {
	return 0, errors.New(strings.Repeat("x", n))
})

// A worker that died in the middle of a large result made its link turn for ever.
func TestDeathInTheMiddleOfALargeResult(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		p := newPool(t, &pool.Options{Workers: 1, Grace: 100 * time.Millisecond})
		for _, after := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond} {
			r, err := signalled.WithTimeout(time.Second).ApplyAsync(t.Context(), p, signalAt{signal, after})
			if err != nil {
				t.Fatal(err)
			}
			var lost *pool.WorkerLostError
			if _, err := get(t, r); err != nil && !errors.As(err, &lost) && !errors.Is(err, pool.ErrTaskTimeout) {
				t.Fatalf("%v after %v: %v", signal, after, err)
			}
		}
	}
}

type signalAt struct {
	Signal syscall.Signal
	After  time.Duration
}

// signalled returns 64 MiB, and has its process signalled some time after it began to.
var signalled = pool.RegisterNamed("test.signalled", func(_ context.Context, s signalAt) ([]byte, error) {
	time.AfterFunc(s.After, func() { _ = syscall.Kill(os.Getpid(), s.Signal) })
	return make([]byte, 64<<20), nil
})
