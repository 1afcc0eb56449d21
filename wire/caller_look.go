package wire

import (
	"context"
	"errors"
	"runtime"
)

// How a Caller looks into shared memory. Who calls alone looks for his own reply: that takes no change of goroutines.
// Where several call at once, a goroutine looks for all of them: it takes all replies that are there, lets those whose they
// are run, and ask for more, and only then looks again.

// aloneAfter is how many replies in a row one caller gets before he counts as alone, whoever else waits.
const aloneAfter = 16

// lookFor reads from shared memory for a caller, as long as that is worth it and nobody else does, and reports whether it has
// found the reply. If not, somebody else will have it found.
func (c *Caller) lookFor(ctx context.Context, p *pending) (found bool) {
	if c.relayed.Load() || c.dozing.Load() || !c.reading.TryLock() {
		return false // who reads will hand it over, and look again before leaving
	}
	found = c.readFor(ctx, p)
	if !found || c.alone >= aloneAfter || !c.waits() || !c.relayLook() {
		c.stopReading()
	}
	return found
}

// readFor is lookFor for whoever reads. It reports whether the reply was found.
func (c *Caller) readFor(ctx context.Context, p *pending) bool {
	l := c.lane
	if l == nil || !l.inward {
		return false
	}
	l.disarm()
	for others := p.others; ; others = false {
		if err := c.drain(); err != nil {
			c.end(err)
			return false
		}
		if len(p.notices) != 0 {
			return true
		}
		if others {
			runtime.Gosched() // so that the server finds more than one request, where there is one processor
			continue
		}
		if ctx.Err() != nil || !l.inward ||
			!l.patience.Await(func() bool { return !l.in.empty() || c.ending.Load() }) || c.ending.Load() {
			return false
		}
	}
}

// stopReading ends reading. If calls wait, and nobody has begun to read, the server is to ring when it has a reply.
func (c *Caller) stopReading() {
	for {
		asleep := c.lane == nil || !c.lane.inward || c.ending.Load()
		if !asleep && c.waits() {
			if asleep = c.lane.sleep(); !asleep {
				if err := c.drain(); err != nil {
					c.end(err)
				}
				continue
			}
			c.dozing.Store(!c.lane.patience.willing(c.lane.patience.asleep))
		} else {
			c.dozing.Store(false)
		}
		c.reading.Unlock()
		if asleep || !c.waits() || !c.reading.TryLock() {
			return
		}
	}
}

// relayLook ends reading and has the goroutine that looks for all go on. It reports false, and changes nothing, if there can
// be none.
func (c *Caller) relayLook() bool {
	if !c.looks {
		if !c.enterRunning() {
			return false
		}
		c.looks = true
		go c.look() // joined by Close, like the others
	}
	c.relayed.Store(true)
	c.reading.Unlock()
	c.wakeLooking()
	return true
}

// wakeLooking wakes the goroutine that looks for all, if there is one.
func (c *Caller) wakeLooking() {
	select {
	case c.relay <- struct{}{}:
	default: // it is about to wake
	}
}

// look is the goroutine that looks for all, whenever it is woken, until the Caller ends.
func (c *Caller) look() {
	defer c.leaveRunning()
	for range c.relay {
		if c.ending.Load() {
			return
		}
		c.reading.Lock()
		c.readForAll()
		c.relayed.Store(false)
		c.stopReading()
		if c.ending.Load() { // of which readForAll may have taken notice
			return
		}
	}
}

// readForAll reads as long as that is worth it and several call.
func (c *Caller) readForAll() {
	l := c.lane
	if l == nil || !l.inward {
		return
	}
	l.disarm()
	for {
		c.gathers = true
		err := c.drain()
		c.gathers = false
		found := len(c.found) != 0
		if found {
			err = errors.Join(err, c.handOut())
		}
		switch {
		case err != nil:
			c.end(err)
			return
		case !l.inward || c.ending.Load() || c.alone >= aloneAfter:
			return
		case found:
			continue
		case !c.waits() || !l.patience.Await(func() bool { return !l.in.empty() || c.ending.Load() }):
			return
		}
	}
}
