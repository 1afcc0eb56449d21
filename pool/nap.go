package pool

import (
	"sync"
	"time"
)

const (
	// napTime is how long a link lets results gather.
	napTime = 50 * time.Microsecond

	// napLate is from when on a nap is late: twice what the kernel takes for one mostly.
	napLate = 4 * napTime
)

// naps are those of all links: one sleeps for all.
var naps struct {
	mu    sync.Mutex
	over  chan struct{} // closed at the end of the nap that is going on; or nil
	begun int64         // when that began
}

// napOver returns a channel that is closed after napTime, or as much sooner as somebody has begun to nap before. It is nil while
// one is late: there is no processor for it, and it would end at any moment.
func napOver() <-chan struct{} {
	naps.mu.Lock()
	defer naps.mu.Unlock()
	now := clock()
	if naps.over != nil && now-naps.begun > int64(napLate) {
		return nil
	}
	if naps.over == nil {
		over := make(chan struct{})
		naps.over, naps.begun = over, now
		go func() { // ends by itself
			sleepNap()
			naps.mu.Lock()
			naps.over = nil
			naps.mu.Unlock()
			close(over)
		}()
	}
	return naps.over
}
