package sync

import (
	"context"

	"github.com/multiproc-go/multiproc/manager"
)

const typeValue = "Value"

// A Value is one value that processes share, with operations that are atomic: none of them needs a lock. Values are
// equal when they are encoded the same, which is when Go has them equal, but for floats: NaN equals itself here, and 0
// does not equal -0.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on. Its calls
// block for the manager's answer alone.
type Value[T any] struct {
	manager.Proxy
	sequence[T]
}

// NewValue makes a Value in a manager, or with [Named] finds it. It blocks until the manager has answered or ctx ends.
// The error wraps wire.ErrUnsupportedType if values of the type cannot travel.
func NewValue[T any](ctx context.Context, m *manager.Manager, value T, options ...Option) (*Value[T], error) {
	p, q, err := newSequence(ctx, m, typeValue, []T{value}, options)
	if err != nil {
		return nil, err
	}
	return &Value[T]{*p, q}, nil
}

// Get returns the value.
func (v *Value[T]) Get(ctx context.Context) (T, error) {
	value, err := v.askValue(ctx, &v.Proxy, "Get", message(nil).int(0))
	return value, failed(typeValue, "Get", err)
}

// Set sets the value.
func (v *Value[T]) Set(ctx context.Context, value T) error {
	return failed(typeValue, "Set", v.set(ctx, &v.Proxy, 0, value))
}

// Swap sets the value and returns the one before.
func (v *Value[T]) Swap(ctx context.Context, value T) (old T, err error) {
	old, err = v.swap(ctx, &v.Proxy, 0, value)
	return old, failed(typeValue, "Swap", err)
}

// CompareAndSwap sets the value if it is equal to old, and reports whether it was.
func (v *Value[T]) CompareAndSwap(ctx context.Context, old, value T) (bool, error) {
	swapped, err := v.compareAndSwap(ctx, &v.Proxy, 0, old, value)
	return swapped, failed(typeValue, "CompareAndSwap", err)
}

// Add adds to a number, as + does for its type, and returns the sum. The error wraps ErrNotNumber for other types than
// integers and floats.
func (v *Value[T]) Add(ctx context.Context, delta T) (T, error) {
	sum, err := v.add(ctx, &v.Proxy, 0, delta)
	return sum, failed(typeValue, "Add", err)
}

// Modify replaces the value by what change returns for it, which it returns too. Where somebody else has changed the
// value meanwhile, change is called again, with the new one.
func (v *Value[T]) Modify(ctx context.Context, change func(T) T) (T, error) {
	value, err := v.modify(ctx, &v.Proxy, 0, change)
	return value, failed(typeValue, "Modify", err)
}

// Clone returns another reference to the same value. It does not block.
func (v *Value[T]) Clone() (*Value[T], error) {
	p, err := v.Proxy.Clone()
	if err != nil {
		return nil, failed(typeValue, "Clone", err)
	}
	return &Value[T]{*p, v.sequence}, nil
}

// MarshalMsg and UnmarshalMsg pass the value on to other processes, as part of any value.
func (v *Value[T]) MarshalMsg(dst []byte) ([]byte, error) { return v.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the value over: see MarshalMsg.
func (v *Value[T]) UnmarshalMsg(src []byte) ([]byte, error) {
	return v.adopt(&v.Proxy, typeValue, src)
}
