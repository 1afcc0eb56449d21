package pool

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// litter is what tasks leave behind in their worker: proxies that nobody closed, which keep their objects alive until the
// garbage collector comes by. A worker that idles would never need it, so it is called then.
type litter struct {
	due  atomic.Int32 // collections that are to come
	last atomic.Int64 // clock of the latest
}

const (
	litterIdle   = 100 * time.Millisecond // how long a worker idles before it collects
	litterPause  = time.Second            // between two collections, at least
	litterRounds = 2                      // proxies that were encoded are reachable for two seconds more
	litterAgain  = 3 * time.Second
)

// look notes whether there are proxies in an encoded argument or result.
func (l *litter) look(encoded []byte) {
	if tokens, err := wire.FindTokens(encoded); err == nil && len(tokens) > 0 {
		l.due.Store(litterRounds)
	}
}

// idle collects while the worker does nothing, until leave is called.
func (l *litter) idle() (leave func()) {
	if l.due.Load() <= 0 {
		return func() {}
	}
	left := make(chan struct{})
	go func() { // ends with the idling, or with what is to be collected
		for wait := max(litterIdle, litterPause-time.Duration(clock()-l.last.Load())); l.due.Load() > 0; wait = litterAgain {
			select {
			case <-time.After(wait):
			case <-left:
				return
			}
			runtime.GC()
			l.last.Store(clock())
			l.due.Add(-1)
		}
	}()
	return func() { close(left) }
}
