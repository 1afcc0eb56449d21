package wire

import (
	"cmp"
	"runtime"
	"sync/atomic"
	"time"
)

// Patience decides how long to look for something in memory shared with another process before sleeping. Looking is worth it
// while what is awaited comes within about the time that a wake would take: after some looks that were in vain it is given
// up, and taken up again after a short sleep. Where the processor is wanted by others, it is left to them for a while.
//
// The zero value is ready for use. It belongs to one goroutine at a time.
type Patience struct {
	// Limit is how long one look takes at most; 0 means 50 µs. A sleep is short up to twice that.
	Limit time.Duration

	misses  int
	off     bool
	asleep  int64 // when the last sleep began, or 0
	others  int64 // when other goroutines were let run last
	penalty int64 // for which looking is left off after the processor was lost, in nanoseconds
	until   int64 // when that ends
}

const (
	lookTime     = 50 * time.Microsecond  // the default Limit
	looksAtOnce  = 40                     // between two yields to other threads
	othersAfter  = 100 * time.Microsecond // of looks, after which other goroutines are let run
	othersEvery  = 8                      // yields, after which they are where all processors look
	mostYields   = 2000                   // where the clock stands still, as in a test
	mostMisses   = 4
	lostTime     = time.Millisecond // a yield that took longer has lost the processor to who does not yield
	leastPenalty = 10 * time.Millisecond
	mostPenalty  = time.Second
)

// looking is how many goroutines of this process do.
var looking atomic.Int32

var clockBase = time.Now()

// clock returns nanoseconds since the process has started.
func clock() int64 { return int64(time.Since(clockBase)) }

// Await looks until ready returns true, for as long as that is worth it, and reports whether it did. It blocks for little
// more than Limit, or until it has the processor again.
func (p *Patience) Await(ready func() bool) bool {
	for range looksAtOnce {
		if ready() {
			p.misses = 0
			return true
		}
	}
	begun := clock()
	if !p.willing(begun) {
		return false
	}
	defer looking.Add(-1)
	free := runtime.GOMAXPROCS(0) - int(looking.Add(1))
	if free < 0 {
		return false
	}
	for round, last := 1, begun; ; round++ {
		if free == 0 && round%othersEvery == 0 || last-p.others > int64(othersAfter) {
			p.others = last
			runtime.Gosched() // which may wake a thread that looks for something to do, and goes on here
		} else {
			yield()
		}
		now := clock()
		if now-last > int64(lostTime) {
			p.lost(now)
			return ready()
		}
		for range looksAtOnce {
			if ready() {
				p.found()
				return true
			}
		}
		if now-begun > int64(p.limit()) || round == mostYields {
			p.missed()
			return false
		}
		last = now
	}
}

func (p *Patience) limit() time.Duration { return cmp.Or(p.Limit, lookTime) }

// willing reports whether await would look for a while.
func (p *Patience) willing(now int64) bool { return !p.off && now >= p.until }

func (p *Patience) found() {
	p.misses = 0
	if p.penalty > int64(leastPenalty) {
		p.penalty -= p.penalty / 128
	}
}

func (p *Patience) missed() {
	if p.misses++; p.misses >= mostMisses {
		p.off = true
	}
}

// lost takes note of a yield that has lost the processor. Where others want it for long, the next looks would lose it again, each
// for the time of some hundred wakes: so they soon become rare.
func (p *Patience) lost(now int64) {
	p.penalty = min(max(4*p.penalty, int64(leastPenalty)), int64(mostPenalty))
	p.until = now + p.penalty
}

// Sleep is called before a sleep.
func (p *Patience) Sleep() { p.asleep = clock() }

// Woke is called after a sleep.
func (p *Patience) Woke() {
	if p.asleep != 0 && clock()-p.asleep <= 2*int64(p.limit()) {
		p.off, p.misses = false, 0
	}
	p.asleep = 0
}
