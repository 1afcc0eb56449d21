package pool

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	stdsync "sync"
	"time"
)

// A ballast has a worker's garbage collector wait until there is something to collect: the heap of most workers is small, and a
// few large payloads would have it called each time, which costs more than copying them, with the memory that it gives back to the
// system only to get it again for the next. The ballast is never touched, so it takes no memory, but as much garbage gathers. When the
// worker has been idle for a while, it is dropped, and the garbage given back. Where Go's memory is limited, the heap is large, or the
// collector is off, there is none, and only a small part of what a container allows.
type ballast struct {
	idle    func() bool  // whether the worker has nothing to do
	allowed func() int64 // how many bytes of memory there may be, for all workers and others

	mu    stdsync.Mutex    // guards the fields below
	held  *strings.Builder // whose memory is not cleared
	used  int64            // clock of the last large payload
	armed bool             // timer is to call drop
	timer *time.Timer
}

// How many bytes of garbage a worker gathers before it collects, at least: as much as there is room for in an arena where large
// payloads follow upon one another. Where they come one at a time a collection holds up nobody for long, and less is sooner used again.
const (
	ballastMost  = 2 * arenaHalf
	ballastLeast = ballastMost / 4

	// ballastShare is what part of the memory that a container allows may be ballast of a worker: it has others beside it.
	ballastShare = 16
)

// use is called for each large payload, and told whether others follow.
func (b *ballast) use(more bool) {
	size := ballastLeast
	if more {
		size = ballastMost
	}
	if size = int(min(int64(size), b.allowed()/ballastShare)); size < ballastLeast {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = clock()
	if b.held != nil && b.held.Cap() >= size || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	if live, collects := liveHeap(); !collects || live >= ballastMost {
		return // collections are as rare without one
	}
	b.held = new(strings.Builder)
	b.held.Grow(size)
	if b.armed {
		return
	}
	b.armed = true
	if b.timer == nil {
		b.timer = time.AfterFunc(idleTime, b.drop)
	} else {
		b.timer.Reset(idleTime)
	}
}

// drop gives memory back if the worker is idle, and has had no large payload for a while.
func (b *ballast) drop() {
	b.mu.Lock()
	left := idleTime - time.Duration(clock()-b.used)
	if left <= 0 && !b.idle() {
		left = idleTime
	}
	if left > 0 {
		b.timer.Reset(left)
		b.mu.Unlock()
		return
	}
	size := b.held.Cap()
	b.held, b.armed = nil, false
	b.mu.Unlock()
	if live, collects := liveHeap(); collects && live < uint64(ballastMost+size) {
		debug.FreeOSMemory() // which would take long with a large heap
	}
}

// liveHeap returns how many bytes were alive at the end of the last collection, and whether there are any but by request.
func liveHeap() (bytes uint64, collects bool) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return 0, false
		}
	}
	return samples[0].Value.Uint64(), samples[1].Value.Uint64() != math.MaxUint64
}
