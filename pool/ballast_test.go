package pool

import (
	"runtime/debug"
	"sync/atomic"
	"testing"
)

// A ballast stays while there are large payloads, or something else to do, and goes when the worker has been idle for a while.
func TestBallastIsDroppedWhenIdle(t *testing.T) {
	if ballastSize == 0 {
		t.Skip("there are no arenas here")
	}
	var idle atomic.Bool
	b := &ballast{idle: idle.Load}
	b.use()
	defer b.timer.Stop()
	if b.held == nil || b.held.Cap() < ballastSize {
		t.Fatal("there is no ballast")
	}
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
	if b.use(); b.held == nil || !b.armed {
		t.Error("it does not come back")
	}
}

// Where memory is limited there is none.
func TestNoBallastWhereMemoryIsLimited(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	b := &ballast{idle: func() bool { return true }}
	if b.use(); b.held != nil || b.armed {
		t.Error("there is one")
	}
}
