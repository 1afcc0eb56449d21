package pool

import "time"

// An apart keeps a worker off the processor that its link runs on, while another is there for it. With several large payloads under
// way both are at work most of the time; but who is woken through a socket is often put on the processor of who has woken him, and as
// they wait for each other by turns, the system takes long to find that they would be better apart. It belongs to one goroutine.
type apart struct {
	pause time.Duration
	until int64 // clock when it may move again
}

// Where all processors are busy, moving changes nothing for long: it soon becomes rare then.
const (
	leastApart = time.Millisecond
	mostApart  = time.Second
)

// keep moves the worker's thread if it is on the processor that the link says it was on when it sent the last payload.
func (a *apart) keep(link uint64) {
	if link == 0 || link != processor() {
		return
	}
	if a.due(clock()) {
		changeProcessor()
	}
}

// due reports whether to move now, and puts off the next time: for twice as long if this one has been waited for.
func (a *apart) due(now int64) bool {
	switch {
	case now < a.until:
		return false
	case a.pause > 0 && now-a.until < int64(a.pause):
		a.pause = min(2*a.pause, mostApart)
	default:
		a.pause = leastApart
	}
	a.until = now + int64(a.pause)
	return true
}
