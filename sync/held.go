package sync

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/loan"
	"github.com/multiproc-go/multiproc/wire"
)

// releaseTimeout is how long a release waits for a manager that does not answer, before the session is given up.
const releaseTimeout = 10 * time.Second

// A Held is one acquisition of a [Lock], an [RLock] or a [Condition]'s lock. It belongs to the process that acquired it
// and does not travel. It is safe for concurrent use.
type Held struct {
	proxy    manager.Proxy // of the lock, or of the condition that it was acquired through
	typeName string
	owner    *Owner // of an RLock, else nil
	released atomic.Bool

	first grant                 // that the hold was part of
	later atomic.Pointer[grant] // that it is part of since a wait for a condition; or nil
}

func (h *Held) grantNow() grant {
	if later := h.later.Load(); later != nil {
		return *later
	}
	return h.first
}

// lock names the lock that is held.
func (h *Held) lock() lockName { return lockName{h.proxy.Token().Address, h.first.number} }

// regrant notes that what was held by the old grant is held by another one.
func (h *Held) regrant(old, next grant) {
	if h.owner != nil {
		h.owner.renew(h.lock(), old, &next)
	}
	h.later.Store(&next) // also where it was released meanwhile
}

// ownerNumber is what the manager knows the owner by.
func (h *Held) ownerNumber() uint64 {
	if h.owner == nil {
		return 0
	}
	return h.owner.number
}

// Release undoes the acquisition. It takes no context, so that it works in a defer after one has ended: where the manager
// has to know, it waits for its answer, which takes no turn, and when that does not come within 10 seconds the session is
// lost, with all that it holds. Releasing a second time returns an error that wraps ErrNotHeld; when the session is lost, so
// is the hold, and the error wraps manager.ErrManagerLost.
//
// A Lock that is to be closed is closed after it was released.
func (h *Held) Release() error {
	if h.released.Swap(true) {
		return failed(h.typeName, "Release", ErrNotHeld)
	}
	if h.owner != nil {
		h.owner.forget(h)
	}
	g := h.grantNow()
	switch g.releaseBorrowed() {
	case loan.Free:
		return nil
	case loan.Back:
		_ = h.proxy.Send("Returned", nil) // it is released: a manager that does not hear of it finds out
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	_, err := h.proxy.Invoke(ctx, "Release", message(nil).uint(h.ownerNumber()).uint(g.fence))
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
	number   uint64 // of the lock
	died     bool
	notified bool
	ticket   uint64         // of a wait for a condition that was given up, where there was no grant
	loan     *loan.Borrowed // by which the lock is held; or nil
}

// readGrant takes apart what the manager has answered, by the proxy that has asked.
func readGrant(p *manager.Proxy, reply []byte) (grant, error) {
	r := wire.NewReader(reply)
	g := grant{fence: r.Uint(), died: r.Bool(), notified: r.Bool(), ticket: r.Uint(), number: r.Uint()}
	terms := loan.Terms{Number: r.Uint(), Index: r.Uint()}
	if err := r.End(); err != nil || terms.Number == 0 {
		return g, err
	}
	g.loan = loan.Borrow(p.Words(), terms, g.fence)
	noteLoan(p, g)
	return g, nil
}

// acquire calls a method that ends with the lock held.
func acquire(ctx context.Context, p *manager.Proxy, method string, argument message) (grant, error) {
	reply, err := p.Invoke(ctx, method, argument)
	if err != nil {
		return grant{}, err
	}
	return readGrant(p, reply)
}

// newHeld returns the Held for a grant of a lock that is not re-entrant.
func newHeld(p *manager.Proxy, typeName string, g grant) *Held {
	return &Held{proxy: *p, typeName: typeName, first: g}
}
