package pool

import (
	"context"
	"errors"
	stdsync "sync"
	"sync/atomic"
	"time"
)

// taskContext is the context of one task in its worker. One is made for each task, so it costs one small
// allocation until somebody asks for its channel; those of a run share one until a task has used it. It has an
// AfterFunc method, so that contexts derived from it need no goroutine.
type taskContext struct {
	parent   context.Context // the worker's, with the trace if there is one, for values
	sequence uint64
	function uint32      // its index in the table
	nextID   int32       // of callbacks; guarded by mu
	repeats  int32       // how many attempts of the task there were before
	deadline time.Time   // zero for none; set before the task runs
	touched  atomic.Bool // the task may have kept hold of it

	mu        stdsync.Mutex // guards the fields below
	err       error         // nil, context.Canceled or errEnded
	done      chan struct{}
	callbacks map[int32]func()
}

var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (c *taskContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

func (c *taskContext) Value(key any) any {
	if key == any(taskKey{}) {
		c.touched.Store(true)
		return c
	}
	return c.parent.Value(key)
}

// taskKey is the key under which a task's context is found in those made from it.
type taskKey struct{}

// taskOf returns the context of the task that ctx belongs to, nil for none.
func taskOf(ctx context.Context) *taskContext {
	c, _ := ctx.Value(taskKey{}).(*taskContext)
	return c
}

// Attempt returns how many times the task of a context has begun, this time included: 1, unless it is run again as a Retry
// says. For a context that is not a task's, nor derived from one, it is 0. It does not block.
func Attempt(ctx context.Context) int {
	if c := taskOf(ctx); c != nil {
		return int(c.repeats) + 1
	}
	return 0
}

func (c *taskContext) Err() error {
	c.touched.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return context.Canceled
	}
	return nil
}

func (c *taskContext) Done() <-chan struct{} {
	c.touched.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil && c.done == nil:
		return closedChannel
	case c.done == nil:
		c.done = make(chan struct{})
	}
	return c.done
}

// AfterFunc calls fn in its own goroutine when the context ends, unless stop was called first.
func (c *taskContext) AfterFunc(fn func()) (stop func() bool) {
	c.touched.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go fn()
		return func() bool { return false }
	}
	id := c.nextID
	c.nextID++
	if c.callbacks == nil {
		c.callbacks = map[int32]func(){}
	}
	c.callbacks[id] = fn
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waits := c.callbacks[id]
		delete(c.callbacks, id)
		return waits
	}
}

// cancel ends the context.
func (c *taskContext) cancel() { c.finish(context.Canceled) }

// end ends the context with its task.
func (c *taskContext) end() { c.finish(errEnded) }

var errEnded = errors.New("the task has ended")

// ended reports whether the task has ended.
func (c *taskContext) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == errEnded //nolint:errorlint // it is stored as it is
}

func (c *taskContext) finish(reason error) {
	c.touched.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	over := c.err != nil
	c.err = reason
	if over {
		return
	}
	if c.done != nil {
		close(c.done)
	}
	for _, fn := range c.callbacks {
		go fn()
	}
	c.callbacks = nil
}
