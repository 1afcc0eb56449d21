package sync

import (
	"context"

	"github.com/multiproc-go/multiproc/manager"
)

// A sequence is the client's side of what Value, Array and List have in common.
type sequence[T any] struct{ element element[T] }

func newSequence[T any](ctx context.Context, m *manager.Manager, name string, values []T, options []Option) (*manager.Proxy, sequence[T], error) {
	e, err := elementOf[T]()
	if err != nil {
		return nil, sequence[T]{}, notMade(name, err)
	}
	argument, err := e.encodeAll(message(nil).string(typeName[T]()), values)
	if err != nil {
		return nil, sequence[T]{}, notMade(name, err)
	}
	p, err := create(ctx, m, name, argument, options)
	return p, sequence[T]{e}, err
}

func (q *sequence[T]) adopt(p *manager.Proxy, name string, src []byte) ([]byte, error) {
	e, err := elementOf[T]()
	if err != nil {
		return src, failed(name, "UnmarshalMsg", err)
	}
	q.element = e
	return adopt(p, name, src)
}

func (q *sequence[T]) set(ctx context.Context, p *manager.Proxy, index int, value T) error {
	argument, err := q.element.encode(message(nil).int(index), value)
	if err != nil {
		return err
	}
	return tell(ctx, p, "Set", argument)
}

func (q *sequence[T]) swap(ctx context.Context, p *manager.Proxy, index int, value T) (old T, err error) {
	argument, err := q.element.encode(message(nil).int(index), value)
	if err != nil {
		return old, err
	}
	return q.askValue(ctx, p, "Swap", argument)
}

func (q *sequence[T]) compareAndSwap(ctx context.Context, p *manager.Proxy, index int, old, value T) (bool, error) {
	argument, err := q.element.encode(message(nil).int(index), old)
	if err == nil {
		argument, err = q.element.encode(argument, value)
	}
	if err != nil {
		return false, err
	}
	return askBool(ctx, p, "CompareAndSwap", argument)
}

func (q *sequence[T]) add(ctx context.Context, p *manager.Proxy, index int, delta T) (sum T, err error) {
	argument, err := q.element.addition(message(nil).int(index), delta)
	if err != nil {
		return sum, err
	}
	return q.askValue(ctx, p, "Add", argument)
}

// askValue calls a method whose result is a value.
func (q *sequence[T]) askValue(ctx context.Context, p *manager.Proxy, method string, argument message) (T, error) {
	reply, err := p.Invoke(ctx, method, argument)
	if err != nil {
		var zero T
		return zero, err
	}
	return q.element.codec.DecodeValue(reply)
}

// modify replaces a value by what change makes of it, again and again until nobody has changed it in between.
func (q *sequence[T]) modify(ctx context.Context, p *manager.Proxy, index int, change func(T) T) (T, error) {
	for {
		var value T
		old, err := p.Invoke(ctx, "Get", message(nil).int(index))
		if err != nil {
			return value, err
		}
		before, err := q.element.codec.DecodeValue(old)
		if err != nil {
			return value, err
		}
		value = change(before)
		argument, err := q.element.encode(message(nil).int(index).value(old), value)
		if err != nil {
			return value, err
		}
		if swapped, err := askBool(ctx, p, "CompareAndSwap", argument); err != nil || swapped {
			return value, err
		}
	}
}

func (q *sequence[T]) slice(ctx context.Context, p *manager.Proxy, from, to int) ([]T, error) {
	return ask(ctx, p, "Slice", message(nil).int(from).int(to), q.element.decodeAll)
}

// snapshot returns all values, and the number of the version that they are.
func (q *sequence[T]) snapshot(ctx context.Context, p *manager.Proxy) (values []T, version uint64, err error) {
	values, err = ask(ctx, p, "Snapshot", nil, func(r *reader) []T {
		version = r.Uint()
		return q.element.decodeAll(r)
	})
	return values, version, err
}

// send calls a method with values at the end of its argument.
func (q *sequence[T]) send(ctx context.Context, p *manager.Proxy, method string, argument message, values []T) error {
	argument, err := q.element.encodeAll(argument, values)
	if err != nil {
		return err
	}
	return tell(ctx, p, method, argument)
}

// find returns the index of the first value that is equal to one, from an index on, or -1.
func (q *sequence[T]) find(ctx context.Context, p *manager.Proxy, value T, from, to int) (int, error) {
	argument, err := q.element.encode(nil, value)
	if err != nil {
		return -1, err
	}
	i, err := askInt(ctx, p, "Index", argument.int(from).int(to))
	if err != nil {
		return -1, err
	}
	return i, nil
}

func (q *sequence[T]) count(ctx context.Context, p *manager.Proxy, value T) (int, error) {
	argument, err := q.element.encode(nil, value)
	if err != nil {
		return 0, err
	}
	return askInt(ctx, p, "Count", argument)
}
