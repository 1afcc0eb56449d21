package sync

import (
	"errors"
	stdsync "sync"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/manager"
)

var (
	owners     atomic.Uint64
	errNoOwner = errors.New("no owner: make one with NewOwner for each strand of work that is to re-enter the lock")
)

// An Owner is who holds an [RLock]. In CPython that is a thread; a goroutine has no identity, so whoever is to re-enter
// the lock makes an Owner and passes it along. It means something in its own process alone, may be used with any number
// of locks, and is safe for concurrent use: goroutines that share one do not keep each other out.
type Owner struct {
	number uint64

	mu      stdsync.Mutex // guards tenures
	tenures map[uint64]*tenure
}

// NewOwner returns an owner that is no other. It does not block.
func NewOwner() *Owner {
	return &Owner{number: owners.Add(1), tenures: map[uint64]*tenure{}}
}

// hold returns the Held for a grant, which shares the tenure of what the owner has of the same grant already.
func (o *Owner) hold(p *manager.Proxy, g grant) *Held {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.tenures[g.number]
	if t == nil {
		t = &tenure{fence: g.fence, died: g.died}
		o.tenures[g.number] = t
	}
	if fence, _ := t.now(); fence < g.fence { // what the owner had of an earlier grant went with a session
		t = &tenure{fence: g.fence, died: g.died}
		o.tenures[g.number] = t
	}
	t.helds++
	return &Held{
		proxy: *p, typeName: typeRLock, number: g.number, owner: o.number, tenure: t,
		forget: func() { o.forget(g.number, t) },
	}
}

func (o *Owner) forget(number uint64, t *tenure) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t.helds--; t.helds == 0 && o.tenures[number] == t {
		delete(o.tenures, number)
	}
}
