package sync

import (
	"bytes"
	"context"
	"iter"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// A table is the client's side of what Dict and Namespace have in common.
type table[K comparable, V any] struct {
	keys   element[K]
	values element[V]
}

func newTable[K comparable, V any]() (table[K, V], error) {
	keys, err := elementOf[K]()
	if err != nil {
		return table[K, V]{}, err
	}
	values, err := elementOf[V]()
	return table[K, V]{keys, values}, err
}

func (t *table[K, V]) pair(key K, value V) (message, error) {
	m, err := t.keys.encode(nil, key)
	if err != nil {
		return nil, err
	}
	return t.values.encode(m, value)
}

// one calls a method with a key, and returns the value that may be in the reply.
func (t *table[K, V]) one(ctx context.Context, p *manager.Proxy, method string, key K) (V, bool, error) {
	argument, err := t.keys.encode(nil, key)
	if err != nil {
		var zero V
		return zero, false, err
	}
	return t.maybe(ctx, p, method, argument)
}

// delete takes out a key. The error wraps ErrNotFound if it is not there.
func (t *table[K, V]) delete(ctx context.Context, p *manager.Proxy, key K) error {
	argument, err := t.keys.encode(nil, key)
	if err != nil {
		return err
	}
	found, err := askBool(ctx, p, "Delete", argument)
	if err == nil && !found {
		err = ErrNotFound
	}
	return err
}

// two calls a method with a key and a value, and returns the value that may be in the reply.
func (t *table[K, V]) two(ctx context.Context, p *manager.Proxy, method string, key K, value V) (V, bool, error) {
	argument, err := t.pair(key, value)
	if err != nil {
		var zero V
		return zero, false, err
	}
	return t.maybe(ctx, p, method, argument)
}

func (t *table[K, V]) maybe(ctx context.Context, p *manager.Proxy, method string, argument message) (value V, found bool, err error) {
	value, err = ask(ctx, p, method, argument, func(r *reader) (value V) {
		if found = r.Bool(); found {
			value = t.values.decode(r)
		}
		return value
	})
	return value, found && err == nil, err
}

// modify is Dict.Modify.
func (t *table[K, V]) modify(
	ctx context.Context, p *manager.Proxy, key K, change func(V, bool) (V, bool),
) (value V, kept bool, err error) {
	encodedKey, err := t.keys.encode(nil, key)
	if err != nil {
		return value, false, err
	}
	for {
		reply, err := p.Invoke(ctx, "Get", encodedKey)
		if err != nil {
			return value, false, err
		}
		r := wire.NewReader(reply)
		found := r.Bool()
		old := r.Rest()
		var before V
		if found {
			before = t.values.decode(r)
		}
		if err := r.End(); err != nil {
			return value, false, err
		}
		value, kept = change(before, found)
		if done, err := t.replace(ctx, p, encodedKey, old, found, value, kept); err != nil || done {
			return value, kept, err
		}
	}
}

// replace puts a new value, if it is kept, in the place of the old one, if there was one, unless that is not so any more.
func (t *table[K, V]) replace(
	ctx context.Context, p *manager.Proxy, key, old message, found bool, value V, kept bool,
) (done bool, err error) {
	argument := message(bytes.Clone(key)).value(old) // old is empty where there was none
	if kept {
		if argument, err = t.values.encode(argument, value); err != nil {
			return false, err
		}
	}
	switch {
	case found && kept:
		return askBool(ctx, p, "CompareAndSwap", argument)
	case found:
		return askBool(ctx, p, "CompareAndDelete", argument)
	case kept:
		_, loaded, err := t.maybe(ctx, p, "GetOrSet", argument)
		return !loaded, err
	default:
		return true, nil
	}
}

func (t *table[K, V]) items(ctx context.Context, p *manager.Proxy) ([]Pair[K, V], error) {
	return ask(ctx, p, "Snapshot", nil, func(r *reader) []Pair[K, V] {
		n := r.Map()
		items := make([]Pair[K, V], 0, n)
		for range n {
			items = append(items, Pair[K, V]{t.keys.decode(r), t.values.decode(r)})
		}
		return items
	})
}

func mapFrom[K comparable, V any](items []Pair[K, V]) map[K]V {
	m := make(map[K]V, len(items))
	for _, item := range items {
		m[item.Key] = item.Value
	}
	return m
}

func pairsOf[K comparable, V any](items []Pair[K, V]) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, item := range items {
			if !yield(item.Key, item.Value) {
				return
			}
		}
	}
}
