package wire

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// A pending is a call that waits for its reply.
type pending struct {
	notices  chan notice // has room for one of each kind
	progress atomic.Int64
	watch    *watch // that will tell of the end of its context; or nil. Guarded by the Caller's lock
}

// A notice is what a call that waits is woken for.
type notice struct {
	kind  noticeKind
	reply Reply // of the kind noticeReply
}

type noticeKind int

const (
	noticeReply noticeKind = iota // comes at most once, and is sent by whoever has settled the call
	noticeEnded                   // the context has; from its watch
	noticeLost                    // no reply can come any more
	noticeKinds
)

// tell wakes a call for something else than its reply. Under the Caller's lock.
func (p *pending) tell(kind noticeKind) {
	select {
	case p.notices <- notice{kind: kind}:
	default: // that was said already
	}
}

// enter makes a call one that waits for a reply.
func (c *Caller) enter(ctx context.Context, call uint64) (*pending, error) {
	done := ctx.Done()
	c.mu.Lock()
	if c.ended != nil {
		defer c.mu.Unlock()
		return nil, c.ended
	}
	var p *pending
	if last := len(c.free) - 1; last >= 0 {
		p, c.free = c.free[last], c.free[:last]
	} else {
		p = &pending{notices: make(chan notice, noticeKinds)}
	}
	c.calls[call] = p
	c.waiting.Add(1)
	again := c.watchLocked(p, done)
	c.mu.Unlock()
	if again {
		c.beginWatch(ctx, done)
	}
	return p, nil
}

// await blocks until a call has its reply, or none can come.
func (c *Caller) await(ctx context.Context, call uint64, p *pending) (Reply, error) {
	var n notice
	if done := ctx.Done(); done == nil || p.watch != nil || len(p.notices) != 0 {
		n = <-p.notices
	} else {
		select {
		case n = <-p.notices:
		case <-done:
			n.kind = noticeEnded
		}
	}
	switch n.kind {
	case noticeReply:
		return n.reply, nil
	case noticeEnded:
		return c.giveUp(ctx, call, p)
	default:
		return c.lastReply(p)
	}
}

// giveUp waits for the verdict over a call whose context has ended.
func (c *Caller) giveUp(ctx context.Context, call uint64, p *pending) (Reply, error) {
	cancel, _ := (&cancelHeader{kindCancel, call}).MarshalMsg(nil) // numbers always encode
	if c.out.withdraw(call, cancel) {
		return Reply{}, context.Cause(ctx)
	}
	timer := time.NewTimer(c.verdict)
	defer timer.Stop()
	for seen, arrived, patience := int64(0), c.frames.Load(), verdictPatience; ; {
		select {
		case n := <-p.notices:
			switch n.kind {
			case noticeReply:
				return n.reply, nil
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

// lastReply returns the reply that came just before the connection was lost, or why it was.
func (c *Caller) lastReply(p *pending) (Reply, error) {
	for {
		select {
		case n := <-p.notices:
			if n.kind == noticeReply {
				return n.reply, nil
			}
		default:
			return Reply{}, c.Err()
		}
	}
}

// reuse keeps what a call has had, whose reply was taken, for another, and passes on the chain.
func (c *Caller) reuse(p *pending) {
	for len(p.notices) != 0 { // and nobody sends any more: the call is settled
		<-p.notices
	}
	p.progress.Store(0)
	c.mu.Lock()
	if len(c.free) < mostFree {
		c.free = append(c.free, p)
	}
	c.passLocked()
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
	p := c.calls[call]
	if p != nil {
		delete(c.calls, call)
		c.waiting.Add(-1)
		if p.watch != nil {
			p.watch.users--
		}
	}
	return p
}

// leave is settle for a call that ends without a reply. One that came all the same passes on the chain.
func (c *Caller) leave(call uint64) {
	c.mu.Lock()
	if c.settleLocked(call) == nil {
		c.passLocked()
		return
	}
	c.mu.Unlock()
}

func (c *Caller) find(call uint64) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[call]
}

// tellLost wakes all calls that wait, for which no reply can come any more.
func (c *Caller) tellLost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.calls {
		p.tell(noticeLost)
	}
}
