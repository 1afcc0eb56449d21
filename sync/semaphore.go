package sync

import (
	"context"
	"fmt"

	"github.com/multiproc-go/multiproc/manager"
)

const (
	typeSemaphore        = "Semaphore"
	typeBoundedSemaphore = "BoundedSemaphore"
)

// A Semaphore is a number of units that are acquired and released. Who has acquired a unit need not be the one who
// releases it: one process may acquire, and another signal it by a release.
//
// So that units don't die with a process, each one acquired is remembered until a release discharges it: the oldest one
// of the process that releases, or if that has none, the oldest of all. What a process has and nobody has discharged
// becomes free when its session ends: when it dies, and also when it ends normally. In CPython such units are lost. Who
// acquires units for good has to outlive their use.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on.
type Semaphore struct{ manager.Proxy }

// NewSemaphore makes a Semaphore with so many units, at least 0, in a manager, or with [Named] finds it. It blocks until
// the manager has answered or ctx ends.
func NewSemaphore(ctx context.Context, m *manager.Manager, units int, options ...Option) (*Semaphore, error) {
	return newSemaphore(ctx, m, typeSemaphore, units, options)
}

func newSemaphore(ctx context.Context, m *manager.Manager, typeName string, units int, options []Option) (*Semaphore, error) {
	if units < 0 {
		return nil, notMade(typeName, fmt.Errorf("%d units: there must be 0 or more", units))
	}
	p, err := create(ctx, m, typeName, message(nil).int(units), options)
	if err != nil {
		return nil, err
	}
	return &Semaphore{*p}, nil
}

// Acquire takes a unit. It blocks until those who came before have had theirs and one is free, or ctx ends; a unit that
// won the race against the end of ctx is acquired, and the error is nil.
func (s *Semaphore) Acquire(ctx context.Context) error {
	return s.failed("Acquire", tell(ctx, &s.Proxy, "Acquire", nil))
}

// TryAcquire takes a unit if one is free, and reports whether it did. It blocks for the manager's answer alone.
func (s *Semaphore) TryAcquire(ctx context.Context) (bool, error) {
	acquired, err := askBool(ctx, &s.Proxy, "TryAcquire", nil)
	return acquired, s.failed("TryAcquire", err)
}

// Release returns one unit. It takes no context, so that it works in a defer after one has ended: it blocks for the
// manager's answer, and when that does not come within 10 seconds the session is lost, with all that it holds. For a
// BoundedSemaphore the error may wrap ErrOverReleased.
func (s *Semaphore) Release() error { return s.ReleaseN(1) }

// ReleaseN returns n units, at least 1, or with an error, none. Otherwise it is as Release.
func (s *Semaphore) ReleaseN(n int) error {
	if n < 1 {
		return s.failed("ReleaseN", fmt.Errorf("%d units: there must be 1 or more", n))
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	return s.failed("Release", tell(ctx, &s.Proxy, "Release", message(nil).int(n)))
}

// Value returns how many units are free. It may be out of date when it returns.
func (s *Semaphore) Value(ctx context.Context) (int, error) {
	n, err := askInt(ctx, &s.Proxy, "Value", nil)
	return n, s.failed("Value", err)
}

// Clone returns another reference to the same semaphore. It does not block.
func (s *Semaphore) Clone() (*Semaphore, error) {
	p, err := s.Proxy.Clone()
	if err != nil {
		return nil, s.failed("Clone", err)
	}
	return &Semaphore{*p}, nil
}

// MarshalMsg and UnmarshalMsg pass the semaphore on to other processes, as part of any value.
func (s *Semaphore) MarshalMsg(dst []byte) ([]byte, error) { return s.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the semaphore over: see MarshalMsg.
func (s *Semaphore) UnmarshalMsg(src []byte) ([]byte, error) {
	return adopt(&s.Proxy, typeSemaphore, src, typeBoundedSemaphore)
}

func (s *Semaphore) failed(method string, err error) error {
	if err == nil {
		return nil
	}
	return failed(s.Token().Type, method, err)
}

// A BoundedSemaphore is a [Semaphore] that never has more free units than it began with: a Release that would make it
// so returns an error that wraps ErrOverReleased. Its other methods are those of Semaphore, and where a *Semaphore is
// expected of another process, its Semaphore may be sent.
type BoundedSemaphore struct{ Semaphore }

// NewBoundedSemaphore is NewSemaphore for a BoundedSemaphore.
func NewBoundedSemaphore(ctx context.Context, m *manager.Manager, units int, options ...Option) (*BoundedSemaphore, error) {
	s, err := newSemaphore(ctx, m, typeBoundedSemaphore, units, options)
	if err != nil {
		return nil, err
	}
	return &BoundedSemaphore{*s}, nil
}

// Clone returns another reference to the same semaphore. It does not block.
func (s *BoundedSemaphore) Clone() (*BoundedSemaphore, error) {
	clone, err := s.Semaphore.Clone()
	if err != nil {
		return nil, err
	}
	return &BoundedSemaphore{*clone}, nil
}

// MarshalMsg and UnmarshalMsg pass the semaphore on to other processes, as part of any value.
func (s *BoundedSemaphore) MarshalMsg(dst []byte) ([]byte, error) { return s.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the semaphore over: see MarshalMsg.
func (s *BoundedSemaphore) UnmarshalMsg(src []byte) ([]byte, error) {
	return adopt(&s.Proxy, typeBoundedSemaphore, src)
}
