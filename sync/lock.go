package sync

import (
	"context"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/loan"
)

const typeLock = "Lock"

// A Lock is held by one acquisition at a time, of whatever process. It is not re-entrant. When its holder dies, the next
// one gets it, and Held.OwnerDied says so.
//
// A lock that one process alone uses costs no call, on Linux over a Unix socket: the manager lends it to the process that has
// had it last, which takes and releases it by a word in memory that both share, until another one asks. It
// is there for others also while the process that had it is stopped or gone. Such an Acquire does not notice that the
// manager has just died; Held.Lost tells.
//
// Unlike CPython's, a Lock is released by who has acquired it and by nobody else.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on.
type Lock struct{ manager.Proxy }

// NewLock makes a Lock in a manager, or with [Named] finds it. It blocks until the manager has answered or ctx ends.
func NewLock(ctx context.Context, m *manager.Manager, options ...Option) (*Lock, error) {
	p, err := create(ctx, m, typeLock, nil, options)
	if err != nil {
		return nil, err
	}
	return &Lock{*p}, nil
}

// Acquire takes the lock. It blocks until those who came before have had it, or ctx ends; an acquisition that won the
// race against the end of ctx is returned with a nil error.
func (l *Lock) Acquire(ctx context.Context) (*Held, error) {
	h, err := l.acquire(ctx, "Acquire")
	return h, failed(typeLock, "Acquire", err)
}

// TryAcquire takes the lock if it is free, and otherwise returns nil and no error. It blocks for the manager's answer at
// most.
func (l *Lock) TryAcquire(ctx context.Context) (*Held, error) {
	h, err := l.acquire(ctx, "TryAcquire")
	return h, failed(typeLock, "TryAcquire", err)
}

// Locked reports whether somebody holds the lock. It may be out of date when it returns.
func (l *Lock) Locked(ctx context.Context) (bool, error) {
	if s := lookBorrowed(ctx, &l.Proxy); s != loan.Over {
		return s == loan.Held, nil
	}
	locked, err := askBool(ctx, &l.Proxy, "Locked", nil)
	return locked, failed(typeLock, "Locked", err)
}

// Clone returns another reference to the same lock. It does not block.
func (l *Lock) Clone() (*Lock, error) {
	p, err := l.Proxy.Clone()
	if err != nil {
		return nil, failed(typeLock, "Clone", err)
	}
	return &Lock{*p}, nil
}

// MarshalMsg and UnmarshalMsg pass the lock on to other processes, as part of any value.
func (l *Lock) MarshalMsg(dst []byte) ([]byte, error) { return l.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the lock over: see MarshalMsg.
func (l *Lock) UnmarshalMsg(src []byte) ([]byte, error) { return adopt(&l.Proxy, typeLock, src) }

func (l *Lock) acquire(ctx context.Context, method string) (*Held, error) {
	g, err := acquireLock(ctx, &l.Proxy, method)
	if err != nil || g.fence == 0 {
		return nil, err
	}
	return newHeld(&l.Proxy, typeLock, g), nil
}

func (l *Lock) lockProxy() *manager.Proxy { return &l.Proxy }
