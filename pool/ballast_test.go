package pool

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
)

// withSmallHeap skips a test where there is no ballast, or no use for one because of what other tests have left.
func withSmallHeap(t *testing.T) {
	t.Helper()
	runtime.GC()
	if live, _ := liveHeap(); live >= ballastLeast {
		t.Skipf("of %d bytes of ballast, with %d alive", ballastMost, live)
	}
}

func unlimited() int64 { return math.MaxInt64 }

// In a small container it is smaller, or there is none.
func TestBallastInAContainer(t *testing.T) {
	withSmallHeap(t)
	for _, c := range []struct {
		allowed     int64
		least, most int
	}{
		{ballastShare*ballastLeast - 1, 0, 0},
		{ballastShare * ballastLeast, ballastLeast, 2*ballastLeast - 1},
		{2 * ballastShare * ballastLeast, 2 * ballastLeast, 3*ballastLeast - 1},
		{ballastShare * ballastMost, ballastMost, 2 * ballastMost},
	} {
		b := &ballast{idle: func() bool { return true }, allowed: func() int64 { return c.allowed }}
		b.use(true)
		size := 0
		if b.held != nil {
			b.timer.Stop()
			size = b.held.Cap()
		}
		if size < c.least || size > c.most {
			t.Errorf("%d bytes of ballast where %d are allowed", size, c.allowed)
		}
	}
}

// A ballast stays while there are large payloads, or something else to do, and goes when the worker has been idle for a while.
func TestBallastIsDroppedWhenIdle(t *testing.T) {
	withSmallHeap(t)
	var idle atomic.Bool
	b := &ballast{idle: idle.Load, allowed: unlimited}
	for _, more := range []bool{false, true, false} {
		before := b.held
		b.use(more)
		if b.held == nil || more && b.held.Cap() < ballastMost || before == nil && b.held.Cap() >= ballastMost {
			t.Fatalf("with others behind %v: %d bytes of ballast", more, b.held.Cap())
		}
	}
	if b.held.Cap() < ballastMost {
		t.Error("it shrinks while it is used")
	}
	defer b.timer.Stop()
	for _, then := range []struct{ idle, past, dropped bool }{{false, false, false}, {true, false, false}, {false, true, false}, {true, true, true}} {
		b.timer.Stop()
		b.mu.Lock()
		b.used = clock()
		if then.past {
			b.used -= int64(idleTime)
		}
		b.mu.Unlock()
		idle.Store(then.idle)
		b.drop()
		if dropped := b.held == nil; dropped != then.dropped || b.armed == then.dropped {
			t.Errorf("idle %v, used a while ago %v: dropped %v, armed %v", then.idle, then.past, dropped, b.armed)
		}
	}
	b.use(false)
	if live, _ := liveHeap(); live >= ballastMost { // as somebody else has it by now
		t.Skipf("%d bytes are alive", live)
	}
	if b.held == nil || !b.armed {
		t.Error("it does not come back")
	}
}

// Where memory is limited there is none.
func TestNoBallastWhereMemoryIsLimited(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	b := &ballast{idle: func() bool { return true }, allowed: unlimited}
	if b.use(true); b.held != nil || b.armed {
		t.Error("there is one")
	}
}

// Where the heap is large, or the collector is off, there is none either, and nobody is put through a collection for it.
func TestNoBallastWhereItIsOfNoUse(t *testing.T) {
	withSmallHeap(t)
	defer runtime.GC() // for those to come
	b := &ballast{idle: func() bool { return true }, allowed: unlimited}
	percent := debug.SetGCPercent(-1)
	if b.use(true); b.held != nil {
		t.Error("there is one where the collector is off")
	}
	debug.SetGCPercent(percent)
	if b.use(true); b.held == nil {
		t.Fatal("there is none")
	}
	b.timer.Stop()
	kept := make([]byte, 3*ballastMost)
	runtime.GC()
	b.used -= int64(idleTime)
	var before, after debug.GCStats
	debug.ReadGCStats(&before)
	b.drop()
	if debug.ReadGCStats(&after); b.held != nil || after.NumGC != before.NumGC {
		t.Errorf("%d collections of a large heap", after.NumGC-before.NumGC)
	}
	if b.use(true); b.held != nil {
		t.Error("there is one where the heap is large")
	}
	runtime.KeepAlive(kept)
}
