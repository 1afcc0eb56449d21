package manager

import (
	"sync/atomic"

	"github.com/multiproc-go/multiproc/wire"
)

// A place is where sessions find an object that they have called before, without the registry. It is empty once the object
// was removed.
type place struct{ entry atomic.Pointer[entry] }

// recentCalls are the objects and methods that a session has called: calls that were found to be right, and are again as long
// as the object exists. They belong to the goroutine that reads.
type recentCalls [8]recentCall

type recentCall struct {
	object uint64
	method string
	place  *place // or nil
}

// of returns where a call like q is kept.
func (r *recentCalls) of(q *wire.Request) *recentCall {
	at := q.Object + uint64(len(q.Method))
	if q.Method != "" {
		at += uint64(q.Method[0])
	}
	return &r[at%uint64(len(r))]
}

// find returns the object that q calls, if that was called so before.
func (r *recentCalls) find(q *wire.Request) *entry {
	if c := r.of(q); c.place != nil && c.object == q.Object && c.method == q.Method {
		return c.place.entry.Load()
	}
	return nil
}

// note takes note that q calls e, rightly.
func (r *recentCalls) note(q *wire.Request, e *entry) {
	*r.of(q) = recentCall{q.Object, q.Method, e.place}
}
