package wire

import "runtime"

// A delivery is a reply on its way to its call.
type delivery struct {
	call  uint64
	to    *pending // once the call is settled
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
)

// handOut wakes the calls whose replies were found, and returns when they had a chance to run.
//
// They are a chain: each wakes the next one as soon as it runs. Where callers do little between two calls they stay on one
// processor then, one right after another: no other processor is woken for what would be done before it is there, and
// what they share is not passed from one to the other. What they send meanwhile is published a few requests at a time.
// Callers that do more, so that a chain is slow, are woken at once instead, to run on all processors.
func (c *Caller) handOut() error {
	c.mu.Lock()
	n := c.settleFoundLocked()
	err := error(nil)
	if n < len(c.found) {
		err = errNoCall
	}
	found := c.found[:n]
	if n < 2 || c.spread > 0 {
		c.mu.Unlock()
		deliver(found)
		c.found = found[:0]
		c.spread = max(c.spread-1, 0)
		runtime.Gosched()
		return err
	}
	begun := clock()
	c.conn.gather(true)
	c.chain, c.found = found, c.chain[:0]
	c.next, c.chained = 0, true
	c.passLocked()
	<-c.relay // from the last one, or because the Caller is ending
	c.mu.Lock()
	rest := c.chain[c.next:]
	c.chained = false
	c.mu.Unlock()
	deliver(rest)
	c.conn.gather(false)
	c.noteChain(n, clock()-begun)
	return err
}

// settleFoundLocked settles the calls whose replies were found, and returns how many those are before one to no call.
func (c *Caller) settleFoundLocked() int {
	n := 0
	for ; n < len(c.found); n++ {
		p := c.removeLocked(c.found[n].call)
		if p == nil {
			break
		}
		c.noteServed(p)
		c.found[n].to = p
	}
	c.settled.Add(uint64(n))
	return n
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
		d := c.chain[c.next]
		c.chain[c.next] = delivery{}
		c.next++
		c.mu.Unlock()
		d.to.deliver(d.reply)
	}
}

// deliver wakes calls for their replies at once.
func deliver(replies []delivery) {
	for i := range replies {
		replies[i].to.deliver(replies[i].reply)
		replies[i] = delivery{}
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
