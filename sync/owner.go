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

	mu    stdsync.Mutex // guards helds
	helds map[lockName]map[*Held]bool
}

// A lockName is a lock among all that a process knows: each manager counts its own.
type lockName struct {
	manager string // its address
	number  uint64
}

// NewOwner returns an owner that is no other. It does not block.
func NewOwner() *Owner {
	return &Owner{number: owners.Add(1), helds: map[lockName]map[*Held]bool{}}
}

// hold returns the Held for a grant.
func (o *Owner) hold(p *manager.Proxy, g grant) *Held {
	h := newHeld(p, typeRLock, g)
	h.owner = o
	name := h.lock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.helds[name] == nil {
		o.helds[name] = map[*Held]bool{}
	}
	o.helds[name][h] = true
	return h
}

// renew gives what the owner has by one grant of a lock the next one: to wait for a condition gives all of it up, and
// takes all of it back.
func (o *Owner) renew(lock lockName, old grant, next *grant) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for h := range o.helds[lock] {
		if h.grantNow().fence == old.fence {
			h.later.Store(next)
		}
	}
}

func (o *Owner) forget(h *Held) {
	name := h.lock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if delete(o.helds[name], h); len(o.helds[name]) == 0 {
		delete(o.helds, name)
	}
}
