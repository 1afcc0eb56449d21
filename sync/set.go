package sync

import (
	"context"
	"iter"
	"slices"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

const typeSet = "Set"

// A Set is values without repetition, in the order in which they came in. Every operation is atomic; values are equal as
// in a [Value]. The operations of two sets take the other one as its values; that of another Set is had by Snapshot, and
// what is done with both is then two operations.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on. Its calls
// block for the manager's answer alone.
type Set[T comparable] struct {
	manager.Proxy
	element element[T]
}

// NewSet makes an empty Set in a manager, or with [Named] finds it. It blocks until the manager has answered or ctx ends.
// The error wraps wire.ErrUnsupportedType if values of the type cannot travel.
func NewSet[T comparable](ctx context.Context, m *manager.Manager, options ...Option) (*Set[T], error) {
	e, err := elementOf[T]()
	if err != nil {
		return nil, notMade(typeSet, err)
	}
	p, err := create(ctx, m, typeSet, message(nil).string(typeName[T]()), options)
	if err != nil {
		return nil, err
	}
	return &Set[T]{*p, e}, nil
}

// Add adds values, together, and returns how many were not in the set before.
func (s *Set[T]) Add(ctx context.Context, values ...T) (added int, err error) {
	added, err = s.number(ctx, "Add", values)
	return added, failed(typeSet, "Add", err)
}

// Remove takes out a value. The error wraps ErrNotFound if it is not there.
func (s *Set[T]) Remove(ctx context.Context, value T) error {
	removed, err := s.number(ctx, "Remove", []T{value})
	if err == nil && removed == 0 {
		err = ErrNotFound
	}
	return failed(typeSet, "Remove", err)
}

// Discard takes out values, together, and returns how many were there.
func (s *Set[T]) Discard(ctx context.Context, values ...T) (removed int, err error) {
	removed, err = s.number(ctx, "Remove", values)
	return removed, failed(typeSet, "Discard", err)
}

// Pop takes out some value, in fact the one that came in last, and returns it. The error wraps ErrNotFound if the set is
// empty.
func (s *Set[T]) Pop(ctx context.Context) (T, error) {
	value, err := ask(ctx, &s.Proxy, "Pop", nil, func(r *reader) (value T) {
		if r.Bool() {
			return s.element.decode(r)
		}
		r.Fail(ErrNotFound)
		return value
	})
	return value, failed(typeSet, "Pop", err)
}

// Clear takes out everything.
func (s *Set[T]) Clear(ctx context.Context) error {
	return failed(typeSet, "Clear", tell(ctx, &s.Proxy, "Clear", nil))
}

// Contains reports whether a value is in the set.
func (s *Set[T]) Contains(ctx context.Context, value T) (bool, error) {
	argument, err := s.element.encode(nil, value)
	var found bool
	if err == nil {
		found, err = askBool(ctx, &s.Proxy, "Contains", argument)
	}
	return found, failed(typeSet, "Contains", err)
}

// Len returns how many values there are.
func (s *Set[T]) Len(ctx context.Context) (int, error) {
	n, err := askInt(ctx, &s.Proxy, "Len", nil)
	return n, failed(typeSet, "Len", err)
}

// Snapshot returns all values, as they are at one moment, in their order.
func (s *Set[T]) Snapshot(ctx context.Context) ([]T, error) {
	values, err := s.snapshot(ctx)
	return values, failed(typeSet, "Snapshot", err)
}

// All returns a sequence over a Snapshot.
func (s *Set[T]) All(ctx context.Context) (iter.Seq[T], error) {
	values, err := s.snapshot(ctx)
	return slices.Values(values), failed(typeSet, "All", err)
}

// IsSubset reports whether all values of the set are among others.
func (s *Set[T]) IsSubset(ctx context.Context, others ...T) (bool, error) {
	c, err := s.compare(ctx, others)
	return err == nil && c.common == c.own, failed(typeSet, "IsSubset", err)
}

// IsSuperset reports whether all of some other values are in the set.
func (s *Set[T]) IsSuperset(ctx context.Context, others ...T) (bool, error) {
	c, err := s.compare(ctx, others)
	return err == nil && c.common == c.others, failed(typeSet, "IsSuperset", err)
}

// IsDisjoint reports whether none of some other values is in the set.
func (s *Set[T]) IsDisjoint(ctx context.Context, others ...T) (bool, error) {
	c, err := s.compare(ctx, others)
	return err == nil && c.common == 0, failed(typeSet, "IsDisjoint", err)
}

// Retain takes out all but some values: CPython's intersection_update. That of update is Add, and that of
// difference_update Discard.
func (s *Set[T]) Retain(ctx context.Context, values ...T) error {
	return failed(typeSet, "Retain", s.tell(ctx, "Retain", values))
}

// Toggle takes out those of some values that are in the set, and adds the others: CPython's
// symmetric_difference_update.
func (s *Set[T]) Toggle(ctx context.Context, values ...T) error {
	return failed(typeSet, "Toggle", s.tell(ctx, "Toggle", values))
}

// Union returns the values that are in the set or among others, those of the set first.
func (s *Set[T]) Union(ctx context.Context, others ...T) ([]T, error) {
	values, err := s.combine(ctx, others, func(own, other bool) bool { return own || other })
	return values, failed(typeSet, "Union", err)
}

// Intersection returns the values that are both in the set and among others.
func (s *Set[T]) Intersection(ctx context.Context, others ...T) ([]T, error) {
	values, err := s.combine(ctx, others, func(own, other bool) bool { return own && other })
	return values, failed(typeSet, "Intersection", err)
}

// Difference returns the values that are in the set and not among others.
func (s *Set[T]) Difference(ctx context.Context, others ...T) ([]T, error) {
	values, err := s.combine(ctx, others, func(own, other bool) bool { return own && !other })
	return values, failed(typeSet, "Difference", err)
}

// SymmetricDifference returns the values that are either in the set or among others, and not both.
func (s *Set[T]) SymmetricDifference(ctx context.Context, others ...T) ([]T, error) {
	values, err := s.combine(ctx, others, func(own, other bool) bool { return own != other })
	return values, failed(typeSet, "SymmetricDifference", err)
}

// Clone returns another reference to the same set. It does not block.
func (s *Set[T]) Clone() (*Set[T], error) {
	p, err := s.Proxy.Clone()
	if err != nil {
		return nil, failed(typeSet, "Clone", err)
	}
	return &Set[T]{*p, s.element}, nil
}

// MarshalMsg and UnmarshalMsg pass the set on to other processes, as part of any value.
func (s *Set[T]) MarshalMsg(dst []byte) ([]byte, error) { return s.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the set over: see MarshalMsg.
func (s *Set[T]) UnmarshalMsg(src []byte) ([]byte, error) {
	e, err := elementOf[T]()
	if err != nil {
		return src, failed(typeSet, "UnmarshalMsg", err)
	}
	s.element = e
	return adopt(&s.Proxy, typeSet, src)
}

func (s *Set[T]) number(ctx context.Context, method string, values []T) (int, error) {
	argument, err := s.element.encodeAll(nil, values)
	if err != nil {
		return 0, err
	}
	return askInt(ctx, &s.Proxy, method, argument)
}

func (s *Set[T]) tell(ctx context.Context, method string, values []T) error {
	argument, err := s.element.encodeAll(nil, values)
	if err != nil {
		return err
	}
	return tell(ctx, &s.Proxy, method, argument)
}

func (s *Set[T]) snapshot(ctx context.Context) ([]T, error) {
	return ask(ctx, &s.Proxy, "Keys", nil, s.element.decodeAll)
}

// A comparison is how many values there are in two sets, and in both.
type comparison struct{ own, others, common int }

func (s *Set[T]) compare(ctx context.Context, others []T) (comparison, error) {
	argument, err := s.element.encodeAll(nil, others)
	if err != nil {
		return comparison{}, err
	}
	return ask(ctx, &s.Proxy, "Compare", argument, func(r *reader) comparison {
		return comparison{r.Int(), r.Int(), r.Int()}
	})
}

// combine returns the values of the set and of others that are to be in a combination of both.
func (s *Set[T]) combine(ctx context.Context, others []T, in func(own, other bool) bool) ([]T, error) {
	encoded, err := s.element.encodeAll(nil, others)
	if err != nil {
		return nil, err
	}
	theirs := elementsOf(wire.NewReader(encoded))
	return ask(ctx, &s.Proxy, "Keys", nil, func(r *reader) []T {
		keys := elementsOf(r)
		values := make([]T, 0, len(keys)+len(others))
		for _, key := range keys {
			one := wire.NewReader(key)
			values = append(values, s.element.decode(one))
			r.Fail(one.Err())
		}
		values = append(values, others...)
		own, other := keySet(keys), keySet(theirs)
		var combined []T
		for i, key := range slices.Concat(keys, theirs) {
			if in(own[string(key)], other[string(key)]) {
				combined = append(combined, values[i])
			}
			delete(own, string(key)) // it may be among the others again
			delete(other, string(key))
		}
		return combined
	})
}

// elementsOf returns the encodings of the values in the array that comes next, in the message's memory.
func elementsOf(r *reader) [][]byte {
	values := make([][]byte, r.Array())
	for i := range values {
		values[i] = r.Value()
	}
	return values
}
