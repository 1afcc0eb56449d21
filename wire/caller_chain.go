package wire

import "runtime"

// A delivery is a reply that was found, and whose it is.
type delivery struct {
	call  uint64
	reply Reply
}

const (
	// mostAtOnce is how many replies are handed out before those whose they are may run.
	mostAtOnce = 256
	// hopTime is how long it may take from one call's wake to the next one's.
	hopTime = 3000 // nanoseconds
	// slowCost is what a chain counts that takes longer; each that does not takes back 1. Beyond mostSlow replies are handed
	// out at once, spreadTimes times.
	slowCost, mostSlow = 4, 12
	spreadTimes        = 64
	// timedChains is how many chains there are for one that is timed, as long as none was slow.
	timedChains = 8
)

// handOut wakes the calls whose replies were found, and returns when they had a chance to run.
//
// They are a chain: each wakes the next one as soon as it runs. Where callers do little between two calls they stay on one
// processor then, one right after another: no other processor is woken for what would be done before it is there, and
// what they share is not passed from one to the other. What they send meanwhile is published a few requests at a time.
// Callers that do more, so that a chain is slow, are woken at once instead, to run on all processors.
func (c *Caller) handOut() error {
	c.mu.Lock()
	err := c.settleFoundLocked()
	n := len(c.chain)
	if n < 2 || c.spread > 0 {
		c.mu.Unlock()
		deliver(c.chain)
		clear(c.chain)
		c.spread = max(c.spread-1, 0)
		runtime.Gosched()
		return err
	}
	begun := int64(0)
	timed := c.slow != 0 || c.chains%timedChains == 0
	if timed {
		begun = clock()
	}
	c.chains++
	c.conn.gather(true)
	c.next, c.chained = 0, true
	c.passLocked()
	<-c.relay // from the last one, or because the Caller is ending
	c.mu.Lock()
	rest := c.chain[c.next:]
	c.chained = false
	c.mu.Unlock()
	deliver(rest)
	clear(c.chain)
	c.conn.gather(false)
	if timed {
		c.noteChain(n, clock()-begun)
	}
	return err
}

// settleFoundLocked makes the calls whose replies were found the chain, up to a reply to no call.
func (c *Caller) settleFoundLocked() (err error) {
	c.chain = c.chain[:0]
	for i := range c.found {
		p := c.removeLocked(c.found[i].call)
		if p == nil {
			err = errNoCall
			break
		}
		p.reply = c.found[i].reply
		c.noteServed(p)
		c.chain = append(c.chain, p)
	}
	clear(c.found)
	c.found = c.found[:0]
	c.settled.Add(uint64(len(c.chain)))
	return err
}

// passLocked wakes the next call of the chain, if there is one, or after the last whoever has begun it. It unlocks the
// Caller. Who has had a reply calls it before anything else.
func (c *Caller) passLocked() {
	switch {
	case !c.chained:
		c.mu.Unlock()
	case c.next == len(c.chain):
		c.chained = false
		c.mu.Unlock()
		c.wakeLooking()
	default:
		p := c.chain[c.next]
		c.next++
		c.mu.Unlock()
		p.deliver()
	}
}

// deliver wakes calls for their replies at once.
func deliver(calls []*pending) {
	for _, p := range calls {
		p.deliver()
	}
}

// noteChain takes note of how long a chain has taken. One alone may have met with something else.
func (c *Caller) noteChain(hops int, took int64) {
	if took <= int64(hops)*hopTime {
		c.slow = max(c.slow-1, 0)
	} else if c.slow += slowCost; c.slow > mostSlow {
		c.slow -= slowCost
		c.spread = spreadTimes
	}
}
