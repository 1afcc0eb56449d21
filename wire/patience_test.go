package wire

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func never() bool { return false }

func TestPatienceIsGivenUpAndTakenUpAgain(t *testing.T) {
	var p Patience
	for !p.off { // some looks may lose the processor instead
		if p.until = 0; p.Await(never) {
			t.Fatal("it has found nothing")
		}
	}
	p.asleep = clock() - int64(time.Second)
	if p.Woke(); !p.off {
		t.Error("a long sleep makes patient")
	}
	if !p.Await(func() bool { return true }) {
		t.Error("what is there already is not found")
	}
	for p.off { // the machine may be slow
		p.Sleep()
		p.Woke()
	}
	if p.misses != 0 {
		t.Errorf("%d misses", p.misses)
	}
}

func TestPatienceHasALimit(t *testing.T) {
	p := Patience{Limit: 200 * time.Microsecond}
	for took := time.Duration(0); took < p.Limit; { // a look that has lost the processor ends earlier
		p.until, p.off = 0, false
		begun := time.Now()
		p.Await(never)
		took = time.Since(begun)
		if p.misses > 0 && took < p.Limit/2 {
			t.Fatalf("it was given up after %v", took)
		}
		p.misses = 0
	}
	p.off, p.asleep = true, clock()-int64(p.Limit)
	if p.Woke(); p.off {
		t.Error("a sleep as long as a look is none too long")
	}
}

func TestPatienceLeavesTheProcessorToOthers(t *testing.T) {
	var p Patience
	for range 20 {
		p.lost(clock())
	}
	if p.penalty != int64(mostPenalty) || p.until < clock() {
		t.Errorf("%d until %d", p.penalty, p.until)
	}
	looks := 0
	if p.Await(func() bool { looks++; return false }) || looks != looksAtOnce {
		t.Errorf("%d looks", looks)
	}
	for range 1000 {
		p.found()
	}
	if p.penalty > 2*int64(leastPenalty) {
		t.Errorf("%d is not forgotten", p.penalty)
	}
}

// Other goroutines run while somebody looks: soon where he has the only processor, and else from time to time.
func TestPatienceLetsOtherGoroutinesRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fewest := 1 << 30
	for range 20 { // the processor may be lost in between
		p := Patience{Limit: time.Second, others: clock() + int64(time.Hour)}
		var ran atomic.Bool
		looks := 0
		go ran.Store(true)
		for !p.Await(func() bool { looks++; return ran.Load() }) {
			p.until = 0
		}
		fewest = min(fewest, looks)
	}
	if fewest > 10*othersEvery*looksAtOnce {
		t.Errorf("the other one has run after %d looks at the earliest", fewest)
	}
	defer looking.Add(1)
	looking.Add(-1) // as if there were another processor
	p := Patience{Limit: time.Second}
	before := clock()
	p.Await(func() bool { return p.others != 0 || clock()-before > int64(time.Second) })
	if p.others < before {
		t.Error("they were not let run")
	}
}
