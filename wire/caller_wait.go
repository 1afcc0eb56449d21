package wire

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// A pending is a call that waits for its reply.
type pending struct {
	notices  chan notice // has room for one of each kind
	reply    Reply       // set by whoever has settled the call, before the notice of it
	others   bool        // there were others, when it began, that had their reply and were still to run
	progress atomic.Int64
	watch    *watch // that will tell of the end of its context; or nil. Guarded by the Caller's lock
}

// A notice is what a call that waits is woken for.
type notice uint8

const (
	noticeReply notice = iota // comes at most once, and is sent by whoever has settled the call
	noticeEnded               // the context has; from its watch
	noticeLost                // no reply can come any more
	noticeKinds
)

// deliver wakes a call for its reply. Whoever has settled it calls it, once.
func (p *pending) deliver() { p.notices <- noticeReply } // which has room

// tell wakes a call for something else than its reply. Under the Caller's lock.
func (p *pending) tell(n notice) {
	select {
	case p.notices <- n:
	default: // that was said already
	}
}

// enter makes a call one that waits for a reply, and returns its number.
func (c *Caller) enter(ctx context.Context) (call uint64, p *pending, err error) {
	done := ctx.Done()
	c.mu.Lock()
	if c.ended != nil {
		defer c.mu.Unlock()
		return 0, nil, c.ended
	}
	call = c.begun.Add(1)
	if last := len(c.free) - 1; last >= 0 {
		p, c.free = c.free[last], c.free[:last]
	} else {
		p = &pending{notices: make(chan notice, noticeKinds)}
	}
	c.calls.set(call, p)
	p.others = c.settled.Load() != c.returned
	again := c.watchLocked(p, done)
	c.mu.Unlock()
	if again {
		c.beginWatch(ctx, done)
	}
	return call, p, nil
}

// waits reports whether a call has no reply yet. It may say so of one that has just got it, and never overlooks one that had
// begun before.
func (c *Caller) waits() bool {
	settled := c.settled.Load() // first: whoever begins meanwhile counts
	return c.begun.Load() != settled
}

// await blocks until a call has a notice, or its context, which no watch has, has ended.
func (p *pending) await(done <-chan struct{}) notice {
	select {
	case n := <-p.notices:
		return n
	case <-done:
		return noticeEnded
	}
}

// conclude is for a call that had another notice than that of its reply. It returns nil once it has that, too.
func (c *Caller) conclude(ctx context.Context, call uint64, p *pending, n notice) error {
	if n == noticeEnded {
		return c.giveUp(ctx, call, p)
	}
	return c.lastReply(p)
}

// giveUp waits for the verdict over a call whose context has ended.
func (c *Caller) giveUp(ctx context.Context, call uint64, p *pending) error {
	cancel, _ := (&cancelHeader{kindCancel, call}).MarshalMsg(nil) // numbers always encode
	if c.out.withdraw(call, cancel) {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(c.verdict)
	defer timer.Stop()
	for seen, arrived, patience := int64(0), c.frames.Load(), verdictPatience; ; {
		select {
		case n := <-p.notices:
			switch n {
			case noticeReply:
				return nil
			case noticeLost:
				return c.lastReply(p)
			}
		case <-timer.C:
			if now := p.progress.Load(); now > seen {
				seen = now
				timer.Reset(c.verdict)
				continue
			}
			if now := c.frames.Load(); now != arrived && patience > 0 { // other replies are in front of it
				arrived = now
				patience--
				timer.Reset(c.verdict)
				continue
			}
			c.end(fmt.Errorf("%w: no verdict over a cancelled call within %v", ErrConnectionLost, c.verdict*time.Duration(1+verdictPatience-patience)))
		}
	}
}

// lastReply returns nil if the reply came just before the connection was lost, or why it was.
func (c *Caller) lastReply(p *pending) error {
	for {
		select {
		case n := <-p.notices:
			if n == noticeReply {
				return nil
			}
		default:
			return c.Err()
		}
	}
}

// reuse keeps what a call has had, whose reply was taken, for another, and passes on the chain. Where the call has found its
// reply by itself, those that have got theirs meanwhile are let run: who calls again and again, and never waits, would keep them
// from it where there is one processor.
func (c *Caller) reuse(p *pending, looked bool) {
	for len(p.notices) != 0 { // and nobody sends any more: the call is settled
		<-p.notices
	}
	p.reply = Reply{}
	if p.progress.Load() != 0 {
		p.progress.Store(0)
	}
	c.mu.Lock()
	p.watch = nil // which has the context
	if len(c.free) < mostFree {
		c.free = append(c.free, p)
	}
	c.returned++
	others := c.settled.Load() != c.returned
	c.passLocked()
	if looked && others {
		runtime.Gosched()
	}
}

// mostFree is how many pendings a Caller keeps.
const mostFree = 64

// settle takes a call from those that wait for a reply, or returns nil if it is none.
func (c *Caller) settle(call uint64) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settleLocked(call)
}

func (c *Caller) settleLocked(call uint64) *pending {
	p := c.removeLocked(call)
	if p != nil {
		c.settled.Add(1)
	}
	return p
}

// removeLocked is settleLocked for a caller that counts what it settles.
func (c *Caller) removeLocked(call uint64) *pending {
	p := c.calls.take(call)
	if p != nil && p.watch != nil {
		p.watch.users--
	}
	return p
}

// leave is settle for a call that ends without a reply. One that came all the same passes on the chain.
func (c *Caller) leave(call uint64) {
	c.mu.Lock()
	c.returned++
	if c.settleLocked(call) == nil {
		c.passLocked()
		return
	}
	c.mu.Unlock()
}

func (c *Caller) find(call uint64) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls.get(call)
}

// tellLost wakes all calls that wait, for which no reply can come any more.
func (c *Caller) tellLost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.calls.all() {
		p.tell(noticeLost)
	}
}
