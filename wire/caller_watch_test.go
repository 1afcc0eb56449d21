package wire

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Calls that share a context all hear of its end, whether it is watched for all of them or not.
func TestCallsThatShareAContext(t *testing.T) {
	s := dialled(t, &CallOptions{VerdictTimeout: time.Minute}, nil)
	cause := errors.New("cause")
	for range 20 {
		ctx, cancel := context.WithCancelCause(context.Background())
		other, cancelOther := context.WithCancel(context.Background())
		result, others := make(chan error), make(chan error)
		for range 10 {
			go func() { _, err := s.Call(ctx, 0, "wait", nil); result <- err }()
			go func() { _, err := s.Call(other, 0, "wait", nil); others <- err }()
		}
		for s.begun.Load()-s.settled.Load() != 20 {
			if _, err := s.Call(ctx, 0, "echo", nil); err != nil {
				t.Fatal(err)
			}
		}
		cancel(cause)
		for range 10 {
			if err := <-result; !errors.Is(err, cause) {
				t.Error(err)
			}
		}
		if _, err := s.Call(other, 0, "echo", nil); err != nil {
			t.Error(err)
		}
		cancelOther()
		for range 10 {
			if err := <-others; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	}
}

// A counted is a context that counts who waits for its end.
type counted struct {
	context.Context
	done chan struct{}

	mu      sync.Mutex
	waiting int
}

func (c *counted) Done() <-chan struct{} { return c.done }
func (c *counted) Value(any) any         { return nil } // or it would be taken for the one that it wraps

func (c *counted) AfterFunc(func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting++
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiting--
		return true
	}
}

func (c *counted) watchers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting
}

// Where several calls wait, a context is watched from its second use in a row until another takes its place, or the Caller
// ends.
func TestOneContextIsWatched(t *testing.T) {
	s := dialled(t, nil, nil)
	alone := &counted{Context: context.Background(), done: make(chan struct{})}
	for range 3 {
		if _, err := s.Call(alone, 0, "echo", nil); err != nil || alone.watchers() != 0 {
			t.Errorf("%d, %v", alone.watchers(), err)
		}
	}
	var waits sync.WaitGroup
	defer waits.Wait()
	waits.Go(func() { _, _ = s.Call(context.Background(), 0, "wait", nil) })
	for !s.waits() {
		runtime.Gosched()
	}
	call := func(ctx context.Context) {
		t.Helper()
		if _, err := s.Call(ctx, 0, "echo", nil); err != nil {
			t.Fatal(err)
		}
	}
	newContext := func() *counted { return &counted{Context: context.Background(), done: make(chan struct{})} }
	first, second := newContext(), newContext()
	for i, want := range []int{0, 1, 1} {
		if call(first); first.watchers() != want {
			t.Errorf("call %d: %d", i+1, first.watchers())
		}
	}
	call(second)
	call(first)
	call(second)
	if first.watchers() != 1 || second.watchers() != 0 {
		t.Errorf("%d and %d", first.watchers(), second.watchers())
	}
	call(second)
	if first.watchers() != 0 || second.watchers() != 1 {
		t.Errorf("%d and %d after two calls", first.watchers(), second.watchers())
	}
	_ = s.Close()
	if second.watchers() != 0 {
		t.Errorf("%d after Close", second.watchers())
	}
}

// What is kept for the calls to come keeps nothing of those that are over.
func TestNothingIsKeptOfCallsThatAreOver(t *testing.T) {
	s := dialled(t, nil, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const n = 10
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() {
			for range 100 {
				if _, err := s.Call(ctx, 0, "echo", []byte("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 || len(s.free) > n {
		t.Errorf("%d are kept", len(s.free))
	}
	for _, p := range s.free {
		if p.watch != nil || p.reply.Payload != nil || len(p.notices) != 0 {
			t.Errorf("%+v", p)
		}
	}
}
