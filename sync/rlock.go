package sync

import (
	"context"

	"github.com/multiproc-go/multiproc/manager"
)

const typeRLock = "RLock"

// An RLock is CPython's re-entrant lock, and not a lock for readers: the owner that holds it may acquire it again, and it
// is free when each of the acquisitions was released. When its holder dies, the next one gets it.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on.
type RLock struct{ manager.Proxy }

// NewRLock makes an RLock in a manager, or with [Named] finds it. It blocks until the manager has answered or ctx ends.
func NewRLock(ctx context.Context, m *manager.Manager, options ...Option) (*RLock, error) {
	p, err := create(ctx, m, typeRLock, nil, options)
	if err != nil {
		return nil, err
	}
	return &RLock{*p}, nil
}

// Acquire takes the lock for an owner, which is to come from [NewOwner]: nil is an error. It blocks until those who came before have had it, or ctx ends, but not while the
// owner itself has it; an acquisition that won the race against the end of ctx is returned with a nil error.
func (l *RLock) Acquire(ctx context.Context, owner *Owner) (*Held, error) {
	h, err := l.acquire(ctx, "Acquire", owner)
	return h, failed(typeRLock, "Acquire", err)
}

// TryAcquire takes the lock for an owner if it is free or the owner's, and otherwise returns nil and no error. It blocks
// for the manager's answer alone.
func (l *RLock) TryAcquire(ctx context.Context, owner *Owner) (*Held, error) {
	h, err := l.acquire(ctx, "TryAcquire", owner)
	return h, failed(typeRLock, "TryAcquire", err)
}

// Locked reports whether somebody holds the lock. It may be out of date when it returns.
func (l *RLock) Locked(ctx context.Context) (bool, error) {
	locked, err := askBool(ctx, &l.Proxy, "Locked", nil)
	return locked, failed(typeRLock, "Locked", err)
}

// Clone returns another reference to the same lock. It does not block.
func (l *RLock) Clone() (*RLock, error) {
	p, err := l.Proxy.Clone()
	if err != nil {
		return nil, failed(typeRLock, "Clone", err)
	}
	return &RLock{*p}, nil
}

// MarshalMsg and UnmarshalMsg pass the lock on to other processes, as part of any value.
func (l *RLock) MarshalMsg(dst []byte) ([]byte, error) { return l.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the lock over: see MarshalMsg.
func (l *RLock) UnmarshalMsg(src []byte) ([]byte, error) { return adopt(&l.Proxy, typeRLock, src) }

func (l *RLock) acquire(ctx context.Context, method string, owner *Owner) (*Held, error) {
	if owner == nil || owner.number == 0 {
		return nil, errNoOwner
	}
	g, err := acquire(ctx, &l.Proxy, method, message(nil).uint(owner.number))
	if err != nil || g.fence == 0 {
		return nil, err
	}
	return owner.hold(&l.Proxy, g), nil
}

func (l *RLock) lockProxy() *manager.Proxy { return &l.Proxy }
