package wire

import (
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
