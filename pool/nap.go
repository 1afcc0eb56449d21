package pool

import (
	"sync"
	"time"
)

// napTime is how long a link lets results gather.
const napTime = 50 * time.Microsecond

// naps are those of all links: one sleeps for all.
var naps struct {
	mu   sync.Mutex
	over chan struct{} // closed at the end of the nap that is going on; or nil
}

// napOver returns a channel that is closed after napTime, or as much sooner as somebody has begun to nap before.
func napOver() <-chan struct{} {
	naps.mu.Lock()
	defer naps.mu.Unlock()
	if naps.over == nil {
		over := make(chan struct{})
		naps.over = over
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
