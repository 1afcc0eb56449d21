package sync

import (
	"context"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// releaseTimeout is how long a release waits for a manager that does not answer, before the session is given up.
const releaseTimeout = 10 * time.Second

// A Held is one acquisition of a [Lock], an [RLock] or a [Condition]'s lock. It belongs to the process that acquired it
// and does not travel. It is safe for concurrent use.
type Held struct {
	proxy    manager.Proxy // of the lock, or of the condition that it was acquired through
	typeName string
	lock     lockName
	owner    *Owner // of an RLock, else nil
	released atomic.Bool

	mu    stdsync.Mutex // guards grant
	grant grant         // that the hold is part of
}

func (h *Held) grantNow() grant {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.grant
}

func (h *Held) renew(g grant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.grant = g
}

// regrant notes that what was held by the old grant is held by another one.
func (h *Held) regrant(old, next grant) {
	if h.owner != nil {
		h.owner.renew(h.lock, old, next)
	}
	h.renew(next) // also where it was released meanwhile
}

// ownerNumber is what the manager knows the owner by.
func (h *Held) ownerNumber() uint64 {
	if h.owner == nil {
		return 0
	}
	return h.owner.number
}

// Release undoes the acquisition. It takes no context, so that it works in a defer after one has ended: it waits for the
// manager's answer, which takes no turn, and when that does not come within 10 seconds the session is lost, with all
// that it holds. Releasing a second time returns an error that wraps ErrNotHeld; when the session is lost, so is the
// hold, and the error wraps manager.ErrManagerLost.
//
// A Lock that is to be closed is closed after it was released.
func (h *Held) Release() error {
	if h.released.Swap(true) {
		return failed(h.typeName, "Release", ErrNotHeld)
	}
	if h.owner != nil {
		h.owner.forget(h)
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	_, err := h.proxy.Invoke(ctx, "Release", message(nil).uint(h.ownerNumber()).uint(h.Fence()))
	return failed(h.typeName, "Release", err)
}

// Fence returns the number of the grant that the hold is part of, never 0. A later grant of the same lock, to whomever,
// has a larger one, also where the lock had gone and was made again under its name, if the host's clock was not set back:
// who guards a resource outside can refuse a process that was stopped while it held the lock, and comes too late. Condition.Wait makes for a new grant, and a new number. Fence does not block.
func (h *Held) Fence() uint64 { return h.grantNow().fence }

// OwnerDied reports whether the process that had the lock before has died, or lost its session, while it held it: what
// the lock guards may be half done. It does not block.
func (h *Held) OwnerDied() bool { return h.grantNow().died }

// Lost returns a channel that is closed when the session with the manager is lost, and with it the hold: somebody else
// may have the lock then. It does not block.
func (h *Held) Lost() <-chan struct{} { return h.proxy.Lost() }

// A grant is the answer to an acquisition.
type grant struct {
	fence    uint64 // 0 where there was none
	died     bool
	notified bool
	ticket   uint64
	number   uint64 // of the lock
}

func readGrant(reply []byte) (grant, error) {
	r := wire.NewReader(reply)
	g := grant{r.Uint(), r.Bool(), r.Bool(), r.Uint(), r.Uint()}
	return g, r.End()
}

// acquire calls a method that ends with the lock held.
func acquire(ctx context.Context, p *manager.Proxy, method string, argument message) (grant, error) {
	reply, err := p.Invoke(ctx, method, argument)
	if err != nil {
		return grant{}, err
	}
	return readGrant(reply)
}

// newHeld returns the Held for a grant of a lock that is not re-entrant.
func newHeld(p *manager.Proxy, typeName string, g grant) *Held {
	return &Held{proxy: *p, typeName: typeName, lock: lockName{p.Token().Address, g.number}, grant: g}
}
