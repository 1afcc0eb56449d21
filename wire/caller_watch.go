package wire

import "context"

// A watch tells calls that their context has ended. What calls that are made at once have in common is watched once, for as
// long as they go on using it, which spares each of them from waiting for two things. A Caller has one at most.
type watch struct {
	done <-chan struct{} // the context's
	stop func() bool

	// Guarded by the Caller's lock.
	users int // calls that wait
	over  bool
}

// watchLocked has the watch tell a call whose context ends with done, if it is that one's. It reports whether one should
// begin: the context is used a second time in a row, while other calls wait.
func (c *Caller) watchLocked(p *pending, done <-chan struct{}) (again bool) {
	p.watch = nil
	w := c.watch
	switch {
	case done == nil:
	case w != nil && w.done == done:
		if !w.over {
			p.watch = w
			w.users++
		}
	case w == nil || w.users == 0:
		again = done == c.lastDone && c.begun.Load()-c.settled.Load() > 1
	}
	c.lastDone = done
	return again
}

// beginWatch has a context watched for the calls to come.
func (c *Caller) beginWatch(ctx context.Context, done <-chan struct{}) {
	w := &watch{done: done}
	w.stop = context.AfterFunc(ctx, func() { c.tellEnded(w) })
	c.mu.Lock()
	old := c.watch
	if c.ended != nil || old != nil && (old.users != 0 || old.done == done) {
		old = w // which is of no use
	} else {
		c.watch = w
	}
	c.mu.Unlock()
	if old != nil {
		old.stop()
	}
}

// endWatch lets go of the context that is watched, when no call can begin any more.
func (c *Caller) endWatch() {
	c.mu.Lock()
	w := c.watch
	c.watch = nil
	c.mu.Unlock()
	if w != nil {
		w.stop()
	}
}

// tellEnded wakes the calls whose context has ended.
func (c *Caller) tellEnded(w *watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.over = true
	for _, p := range c.calls.all() {
		if p.watch == w {
			p.tell(noticeEnded)
		}
	}
}
