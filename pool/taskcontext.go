package pool

import (
	"context"
	stdsync "sync"
	"sync/atomic"
	"time"
)

// taskContext is the context of one task in its worker. One is made for each task, so it costs one small
// allocation until somebody asks for its channel; those of a run share one until a task has used it. It has an
// AfterFunc method, so that contexts derived from it need no goroutine.
type taskContext struct {
	parent   context.Context // the worker's, for values
	sequence uint64
	deadline time.Time   // zero for none; set before the task runs
	touched  atomic.Bool // the task may have kept hold of it

	mu        stdsync.Mutex // guards the fields below
	err       error
	done      chan struct{}
	nextID    int
	callbacks map[int]func()
}

var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (c *taskContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

func (c *taskContext) Value(key any) any { return c.parent.Value(key) }

func (c *taskContext) Err() error {
	c.touched.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
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
		c.callbacks = map[int]func(){}
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

// cancel ends the context. It is called for every task at the latest when it has returned.
func (c *taskContext) cancel() {
	c.touched.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = context.Canceled
	if c.done != nil {
		close(c.done)
	}
	for _, fn := range c.callbacks {
		go fn()
	}
	c.callbacks = nil
}
