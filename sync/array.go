package sync

import (
	"context"
	"iter"
	"slices"

	"github.com/multiproc-go/multiproc/manager"
)

const typeArray = "Array"

// An Array is a number of values that does not change. An index below 0 counts from the end, and one where there is
// nothing is an error that wraps ErrOutOfRange. Every operation is atomic; values are equal as in a [Value].
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on. Its calls
// block for the manager's answer alone.
type Array[T any] struct {
	manager.Proxy
	sequence[T]
}

// NewArray makes an Array of values in a manager, or with [Named] finds it. It blocks until the manager has answered or
// ctx ends. The error wraps wire.ErrUnsupportedType if values of the type cannot travel.
func NewArray[T any](ctx context.Context, m *manager.Manager, values []T, options ...Option) (*Array[T], error) {
	p, q, err := newSequence(ctx, m, typeArray, values, options)
	if err != nil {
		return nil, err
	}
	return &Array[T]{*p, q}, nil
}

// Len returns how many values there are.
func (a *Array[T]) Len(ctx context.Context) (int, error) {
	n, err := askInt(ctx, &a.Proxy, "Len", nil)
	return n, failed(typeArray, "Len", err)
}

// Get returns the value at an index.
func (a *Array[T]) Get(ctx context.Context, index int) (T, error) {
	value, err := a.askValue(ctx, &a.Proxy, "Get", message(nil).int(index))
	return value, failed(typeArray, "Get", err)
}

// Set sets the value at an index.
func (a *Array[T]) Set(ctx context.Context, index int, value T) error {
	return failed(typeArray, "Set", a.set(ctx, &a.Proxy, index, value))
}

// Swap sets the value at an index and returns the one before.
func (a *Array[T]) Swap(ctx context.Context, index int, value T) (old T, err error) {
	old, err = a.swap(ctx, &a.Proxy, index, value)
	return old, failed(typeArray, "Swap", err)
}

// CompareAndSwap sets the value at an index if it is equal to old, and reports whether it was.
func (a *Array[T]) CompareAndSwap(ctx context.Context, index int, old, value T) (bool, error) {
	swapped, err := a.compareAndSwap(ctx, &a.Proxy, index, old, value)
	return swapped, failed(typeArray, "CompareAndSwap", err)
}

// Add adds to the number at an index, as + does for its type, and returns the sum. The error wraps ErrNotNumber for other
// types than integers and floats.
func (a *Array[T]) Add(ctx context.Context, index int, delta T) (T, error) {
	sum, err := a.add(ctx, &a.Proxy, index, delta)
	return sum, failed(typeArray, "Add", err)
}

// Modify replaces the value at an index by what change returns for it, which it returns too. Where somebody else has
// changed the value meanwhile, change is called again, with the new one.
func (a *Array[T]) Modify(ctx context.Context, index int, change func(T) T) (T, error) {
	value, err := a.modify(ctx, &a.Proxy, index, change)
	return value, failed(typeArray, "Modify", err)
}

// Index returns the index of the first value that is equal to one, or -1.
func (a *Array[T]) Index(ctx context.Context, value T) (int, error) {
	i, err := a.find(ctx, &a.Proxy, value, 0, maxIndex)
	return i, failed(typeArray, "Index", err)
}

// Count returns how many values are equal to one.
func (a *Array[T]) Count(ctx context.Context, value T) (int, error) {
	n, err := a.count(ctx, &a.Proxy, value)
	return n, failed(typeArray, "Count", err)
}

// Slice returns the values from one index up to another, which is not among them. Indices outside mean the nearest
// inside.
func (a *Array[T]) Slice(ctx context.Context, from, to int) ([]T, error) {
	values, err := a.slice(ctx, &a.Proxy, from, to)
	return values, failed(typeArray, "Slice", err)
}

// SetSlice sets as many values as it is given, from an index on.
func (a *Array[T]) SetSlice(ctx context.Context, from int, values []T) error {
	return failed(typeArray, "SetSlice", a.send(ctx, &a.Proxy, "SetSlice", message(nil).int(from), values))
}

// Snapshot returns all values, as they are at one moment.
func (a *Array[T]) Snapshot(ctx context.Context) ([]T, error) {
	values, _, err := a.snapshot(ctx, &a.Proxy)
	return values, failed(typeArray, "Snapshot", err)
}

// All returns a sequence over a Snapshot, with the indices.
func (a *Array[T]) All(ctx context.Context) (iter.Seq2[int, T], error) {
	values, _, err := a.snapshot(ctx, &a.Proxy)
	return slices.All(values), failed(typeArray, "All", err)
}

// Clone returns another reference to the same array. It does not block.
func (a *Array[T]) Clone() (*Array[T], error) {
	p, err := a.Proxy.Clone()
	if err != nil {
		return nil, failed(typeArray, "Clone", err)
	}
	return &Array[T]{*p, a.sequence}, nil
}

// MarshalMsg and UnmarshalMsg pass the array on to other processes, as part of any value.
func (a *Array[T]) MarshalMsg(dst []byte) ([]byte, error) { return a.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the array over: see MarshalMsg.
func (a *Array[T]) UnmarshalMsg(src []byte) ([]byte, error) {
	return a.adopt(&a.Proxy, typeArray, src)
}
