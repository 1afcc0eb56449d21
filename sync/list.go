package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

const (
	typeList = "List"
	maxIndex = math.MaxInt // stands for the end, where indices outside mean the nearest inside
)

// A List is values in order. An index below 0 counts from the end, as in CPython, so that the last value can be had
// without asking for the length first; one where there is nothing is an error that wraps ErrOutOfRange. Every operation
// is atomic; values are equal as in a [Value].
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on. Its calls
// block for the manager's answer alone.
type List[T any] struct {
	manager.Proxy
	sequence[T]
}

// NewList makes an empty List in a manager, or with [Named] finds it. It blocks until the manager has answered or ctx
// ends. The error wraps wire.ErrUnsupportedType if values of the type cannot travel.
func NewList[T any](ctx context.Context, m *manager.Manager, options ...Option) (*List[T], error) {
	p, q, err := newSequence[T](ctx, m, typeList, nil, options)
	if err != nil {
		return nil, err
	}
	return &List[T]{*p, q}, nil
}

// Len returns how many values there are.
func (l *List[T]) Len(ctx context.Context) (int, error) {
	n, err := askInt(ctx, &l.Proxy, "Len", nil)
	return n, failed(typeList, "Len", err)
}

// Get returns the value at an index.
func (l *List[T]) Get(ctx context.Context, index int) (T, error) {
	value, err := l.askValue(ctx, &l.Proxy, "Get", message(nil).int(index))
	return value, failed(typeList, "Get", err)
}

// Set sets the value at an index.
func (l *List[T]) Set(ctx context.Context, index int, value T) error {
	return failed(typeList, "Set", l.set(ctx, &l.Proxy, index, value))
}

// Swap sets the value at an index and returns the one before.
func (l *List[T]) Swap(ctx context.Context, index int, value T) (old T, err error) {
	old, err = l.swap(ctx, &l.Proxy, index, value)
	return old, failed(typeList, "Swap", err)
}

// CompareAndSwap sets the value at an index if it is equal to old, and reports whether it was.
func (l *List[T]) CompareAndSwap(ctx context.Context, index int, old, value T) (bool, error) {
	swapped, err := l.compareAndSwap(ctx, &l.Proxy, index, old, value)
	return swapped, failed(typeList, "CompareAndSwap", err)
}

// Add adds to the number at an index, as + does for its type, and returns the sum. The error wraps ErrNotNumber for other
// types than integers and floats.
func (l *List[T]) Add(ctx context.Context, index int, delta T) (T, error) {
	sum, err := l.add(ctx, &l.Proxy, index, delta)
	return sum, failed(typeList, "Add", err)
}

// Modify replaces the value at an index by what change returns for it, which it returns too. Where somebody else has
// changed the value meanwhile, change is called again, with the new one.
func (l *List[T]) Modify(ctx context.Context, index int, change func(T) T) (T, error) {
	value, err := l.modify(ctx, &l.Proxy, index, change)
	return value, failed(typeList, "Modify", err)
}

// Append puts values at the end, together.
func (l *List[T]) Append(ctx context.Context, values ...T) error {
	return failed(typeList, "Append", l.send(ctx, &l.Proxy, "Append", nil, values))
}

// Insert puts values in front of the one at an index, or at the end for the length.
func (l *List[T]) Insert(ctx context.Context, index int, values ...T) error {
	return failed(typeList, "Insert", l.send(ctx, &l.Proxy, "Insert", message(nil).int(index), values))
}

// Pop takes out the value at an index, -1 for the last, and returns it.
func (l *List[T]) Pop(ctx context.Context, index int) (T, error) {
	value, err := l.askValue(ctx, &l.Proxy, "Pop", message(nil).int(index))
	return value, failed(typeList, "Pop", err)
}

// Remove takes out the first value that is equal to one. The error wraps ErrNotFound if there is none.
func (l *List[T]) Remove(ctx context.Context, value T) error {
	argument, err := l.element.encode(nil, value)
	if err == nil {
		var found bool
		if found, err = askBool(ctx, &l.Proxy, "Remove", argument); err == nil && !found {
			err = ErrNotFound
		}
	}
	return failed(typeList, "Remove", err)
}

// Index returns the index of the first value that is equal to one, or -1.
func (l *List[T]) Index(ctx context.Context, value T) (int, error) {
	return l.IndexBetween(ctx, value, 0, maxIndex)
}

// IndexBetween is Index for the values from one index up to another, which is not among them. Indices outside mean the
// nearest inside.
func (l *List[T]) IndexBetween(ctx context.Context, value T, from, to int) (int, error) {
	i, err := l.find(ctx, &l.Proxy, value, from, to)
	return i, failed(typeList, "IndexBetween", err)
}

// Contains reports whether there is a value that is equal to one.
func (l *List[T]) Contains(ctx context.Context, value T) (bool, error) {
	i, err := l.find(ctx, &l.Proxy, value, 0, maxIndex)
	return err == nil && i >= 0, failed(typeList, "Contains", err)
}

// Count returns how many values are equal to one.
func (l *List[T]) Count(ctx context.Context, value T) (int, error) {
	n, err := l.count(ctx, &l.Proxy, value)
	return n, failed(typeList, "Count", err)
}

// Slice returns the values from one index up to another, which is not among them. Indices outside mean the nearest
// inside.
func (l *List[T]) Slice(ctx context.Context, from, to int) ([]T, error) {
	values, err := l.slice(ctx, &l.Proxy, from, to)
	return values, failed(typeList, "Slice", err)
}

// SetSlice puts values, any number of them, in the place of those that Slice would return.
func (l *List[T]) SetSlice(ctx context.Context, from, to int, values ...T) error {
	return failed(typeList, "SetSlice", l.send(ctx, &l.Proxy, "Splice", message(nil).int(from).int(to), values))
}

// DeleteSlice takes out the values that Slice would return.
func (l *List[T]) DeleteSlice(ctx context.Context, from, to int) error {
	return failed(typeList, "DeleteSlice", l.send(ctx, &l.Proxy, "Splice", message(nil).int(from).int(to), nil))
}

// Repeat makes the list n times as long, by its own values; n below 1 empties it. The error wraps ErrOutOfRange if that
// would be more than 16 Mi values.
func (l *List[T]) Repeat(ctx context.Context, n int) error {
	return failed(typeList, "Repeat", tell(ctx, &l.Proxy, "Repeat", message(nil).int(n)))
}

// Clear takes out everything.
func (l *List[T]) Clear(ctx context.Context) error {
	return failed(typeList, "Clear", l.send(ctx, &l.Proxy, "Splice", message(nil).int(0).int(maxIndex), nil))
}

// Reverse turns the order round.
func (l *List[T]) Reverse(ctx context.Context) error {
	return failed(typeList, "Reverse", tell(ctx, &l.Proxy, "Reverse", nil))
}

// SortFunc sorts the list by compare, as slices.SortStableFunc does. The values are compared here: the list is fetched,
// and where somebody has changed it meanwhile, fetched and sorted again.
func (l *List[T]) SortFunc(ctx context.Context, compare func(a, b T) int) error {
	for {
		err := l.sort(ctx, compare)
		if !errors.Is(err, state.ErrChanged) {
			return failed(typeList, "SortFunc", err)
		}
		if ctx.Err() != nil {
			return failed(typeList, "SortFunc", fmt.Errorf("the list keeps changing: %w", context.Cause(ctx)))
		}
	}
}

func (l *List[T]) sort(ctx context.Context, compare func(a, b T) int) error {
	values, version, err := l.snapshot(ctx, &l.Proxy)
	if err != nil {
		return err
	}
	order := make([]uint64, len(values))
	for i := range order {
		order[i] = uint64(i)
	}
	slices.SortStableFunc(order, func(i, j uint64) int { return compare(values[i], values[j]) })
	return tell(ctx, &l.Proxy, "Permute", message(nil).uint(version).uints(order))
}

// Snapshot returns all values, as they are at one moment.
func (l *List[T]) Snapshot(ctx context.Context) ([]T, error) {
	values, _, err := l.snapshot(ctx, &l.Proxy)
	return values, failed(typeList, "Snapshot", err)
}

// All returns a sequence over a Snapshot, with the indices.
func (l *List[T]) All(ctx context.Context) (iter.Seq2[int, T], error) {
	values, _, err := l.snapshot(ctx, &l.Proxy)
	return slices.All(values), failed(typeList, "All", err)
}

// Clone returns another reference to the same list. It does not block.
func (l *List[T]) Clone() (*List[T], error) {
	p, err := l.Proxy.Clone()
	if err != nil {
		return nil, failed(typeList, "Clone", err)
	}
	return &List[T]{*p, l.sequence}, nil
}

// MarshalMsg and UnmarshalMsg pass the list on to other processes, as part of any value.
func (l *List[T]) MarshalMsg(dst []byte) ([]byte, error) { return l.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the list over: see MarshalMsg.
func (l *List[T]) UnmarshalMsg(src []byte) ([]byte, error) {
	return l.adopt(&l.Proxy, typeList, src)
}
