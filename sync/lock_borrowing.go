package sync

import (
	"context"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/loan"
)

// borrowings are what a process knows of the loans of one lock: the latest one, which the next acquisition tries. Whoever is
// slow puts an older one back, finds it over, and asks the manager.
type borrowings struct {
	latest atomic.Pointer[borrowing]
}

// A borrowing is a loan, and what stays the same for all grants by it.
type borrowing struct {
	*loan.Borrowed
	number uint64 // of the lock
}

// borrowingsOf returns those of a lock, or nil for a proxy that was closed.
func borrowingsOf(p *manager.Proxy) *borrowings {
	memo, err := p.Memo(func() any { return new(borrowings) })
	if err != nil {
		return nil
	}
	return memo.(*borrowings)
}

// noteLoan has the next acquisitions of a lock tried by the loan that a grant came with.
func noteLoan(p *manager.Proxy, g grant) {
	if b := borrowingsOf(p); b != nil && g.loan != nil { // or the loan makes no sense
		b.latest.Store(&borrowing{g.loan, g.number})
	}
}

// latestLoan returns what an acquisition is to try, or nil where only a call can tell. When the session is lost its words
// are 0, and no loan is any.
func latestLoan(ctx context.Context, p *manager.Proxy) *borrowing {
	if b := borrowingsOf(p); b != nil && ctx.Err() == nil {
		return b.latest.Load()
	}
	return nil
}

// acquireLock takes a lock that is not re-entrant by the method Acquire or TryAcquire: by a loan, or else by a call.
func acquireLock(ctx context.Context, p *manager.Proxy, method string) (grant, error) {
	if b := latestLoan(ctx, p); b != nil {
		switch fence, found := b.Acquire(); {
		case found == loan.Free:
			return grant{fence: fence, number: b.number, loan: b.Borrowed}, nil
		case found == loan.Held && method == "TryAcquire":
			return grant{}, nil
		}
	}
	return acquire(ctx, p, method, message(nil).uint(0))
}

// lookBorrowed returns loan.Free or loan.Held where that can be told without the manager, and else loan.Over.
func lookBorrowed(ctx context.Context, p *manager.Proxy) loan.State {
	if b := latestLoan(ctx, p); b != nil {
		return b.Look()
	}
	return loan.Over
}

// releaseBorrowed releases what is held by a loan, and returns what that came to: loan.Over is for the manager.
func (g grant) releaseBorrowed() loan.State {
	if g.loan == nil {
		return loan.Over
	}
	return g.loan.Release(g.fence)
}
