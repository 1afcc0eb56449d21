package sync

import (
	"context"
	"iter"

	"github.com/multiproc-go/multiproc/manager"
)

const typeDict = "Dict"

// A Dict is values by keys, in the order in which the keys came in, as CPython's. Every operation is atomic; keys and
// values are equal as in a [Value].
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on. Its calls
// block for the manager's answer alone.
type Dict[K comparable, V any] struct {
	manager.Proxy
	table[K, V]
}

// A Pair is a key and its value.
type Pair[K, V any] struct {
	Key   K
	Value V
}

// NewDict makes an empty Dict in a manager, or with [Named] finds it. It blocks until the manager has answered or ctx
// ends. The error wraps wire.ErrUnsupportedType if keys or values of the types cannot travel.
func NewDict[K comparable, V any](ctx context.Context, m *manager.Manager, options ...Option) (*Dict[K, V], error) {
	t, err := newTable[K, V]()
	if err != nil {
		return nil, notMade(typeDict, err)
	}
	p, err := create(ctx, m, typeDict, message(nil).string(typeName[K]()+" "+typeName[V]()), options)
	if err != nil {
		return nil, err
	}
	return &Dict[K, V]{*p, t}, nil
}

// Get returns the value of a key, and whether there is one.
func (d *Dict[K, V]) Get(ctx context.Context, key K) (value V, found bool, err error) {
	value, found, err = d.one(ctx, &d.Proxy, "Get", key)
	return value, found, failed(typeDict, "Get", err)
}

// Set sets the value of a key.
func (d *Dict[K, V]) Set(ctx context.Context, key K, value V) error {
	argument, err := d.pair(key, value)
	if err == nil {
		err = tell(ctx, &d.Proxy, "Set", argument)
	}
	return failed(typeDict, "Set", err)
}

// Swap sets the value of a key and returns the one before, and whether there was one.
func (d *Dict[K, V]) Swap(ctx context.Context, key K, value V) (old V, found bool, err error) {
	old, found, err = d.two(ctx, &d.Proxy, "Swap", key, value)
	return old, found, failed(typeDict, "Swap", err)
}

// GetOrSet returns the value of a key if there is one, and otherwise sets it and returns the new one. found reports
// whether there was one.
func (d *Dict[K, V]) GetOrSet(ctx context.Context, key K, value V) (actual V, found bool, err error) {
	actual, found, err = d.two(ctx, &d.Proxy, "GetOrSet", key, value)
	if err == nil && !found {
		actual = value
	}
	return actual, found, failed(typeDict, "GetOrSet", err)
}

// CompareAndSwap sets the value of a key if there is one that is equal to old, and reports whether there was.
func (d *Dict[K, V]) CompareAndSwap(ctx context.Context, key K, old, value V) (bool, error) {
	argument, err := d.pair(key, old)
	if err == nil {
		argument, err = d.values.encode(argument, value)
	}
	var swapped bool
	if err == nil {
		swapped, err = askBool(ctx, &d.Proxy, "CompareAndSwap", argument)
	}
	return swapped, failed(typeDict, "CompareAndSwap", err)
}

// CompareAndDelete takes out a key if its value is equal to old, and reports whether it was.
func (d *Dict[K, V]) CompareAndDelete(ctx context.Context, key K, old V) (bool, error) {
	argument, err := d.pair(key, old)
	var deleted bool
	if err == nil {
		deleted, err = askBool(ctx, &d.Proxy, "CompareAndDelete", argument)
	}
	return deleted, failed(typeDict, "CompareAndDelete", err)
}

// Add adds to the number of a key, which is 0 where there is none, as + does for its type, and returns the sum. The error
// wraps ErrNotNumber for other types than integers and floats.
func (d *Dict[K, V]) Add(ctx context.Context, key K, delta V) (sum V, err error) {
	argument, err := d.keys.encode(nil, key)
	if err == nil {
		argument, err = d.values.addition(argument, delta)
	}
	if err == nil {
		sum, err = ask(ctx, &d.Proxy, "Add", argument, d.values.decode)
	}
	return sum, failed(typeDict, "Add", err)
}

// Modify sets the value of a key to what change returns, or takes the key out if change returns false. change is given
// the value, if there is one. Where somebody else has changed it meanwhile, change is called again, with the new one.
// Modify returns what change did.
func (d *Dict[K, V]) Modify(ctx context.Context, key K, change func(value V, found bool) (V, bool)) (V, bool, error) {
	value, kept, err := d.modify(ctx, &d.Proxy, key, change)
	return value, kept, failed(typeDict, "Modify", err)
}

// Delete takes out a key. The error wraps ErrNotFound if it is not there.
func (d *Dict[K, V]) Delete(ctx context.Context, key K) error {
	return failed(typeDict, "Delete", d.delete(ctx, &d.Proxy, key))
}

// Pop takes out a key and returns its value, and whether there was one.
func (d *Dict[K, V]) Pop(ctx context.Context, key K) (value V, found bool, err error) {
	value, found, err = d.one(ctx, &d.Proxy, "Pop", key)
	return value, found, failed(typeDict, "Pop", err)
}

// PopItem takes out the key that came in last, and returns it with its value. The error wraps ErrNotFound if the dict is
// empty.
func (d *Dict[K, V]) PopItem(ctx context.Context) (K, V, error) {
	item, err := ask(ctx, &d.Proxy, "PopItem", nil, func(r *reader) (item Pair[K, V]) {
		if !r.Bool() {
			r.Fail(ErrNotFound)
			return item
		}
		return Pair[K, V]{d.keys.decode(r), d.values.decode(r)}
	})
	return item.Key, item.Value, failed(typeDict, "PopItem", err)
}

// Update sets the values of many keys together.
func (d *Dict[K, V]) Update(ctx context.Context, entries map[K]V) error {
	argument := message(nil).arrayOf(2 * len(entries))
	var err error
	for key, value := range entries {
		if argument, err = d.keys.encode(argument, key); err != nil {
			break
		}
		if argument, err = d.values.encode(argument, value); err != nil {
			break
		}
	}
	if err == nil {
		err = tell(ctx, &d.Proxy, "Update", argument)
	}
	return failed(typeDict, "Update", err)
}

// Clear takes out everything.
func (d *Dict[K, V]) Clear(ctx context.Context) error {
	return failed(typeDict, "Clear", tell(ctx, &d.Proxy, "Clear", nil))
}

// Contains reports whether there is a value for a key.
func (d *Dict[K, V]) Contains(ctx context.Context, key K) (bool, error) {
	argument, err := d.keys.encode(nil, key)
	var found bool
	if err == nil {
		found, err = askBool(ctx, &d.Proxy, "Contains", argument)
	}
	return found, failed(typeDict, "Contains", err)
}

// Len returns how many keys there are.
func (d *Dict[K, V]) Len(ctx context.Context) (int, error) {
	n, err := askInt(ctx, &d.Proxy, "Len", nil)
	return n, failed(typeDict, "Len", err)
}

// Keys returns all keys, in their order.
func (d *Dict[K, V]) Keys(ctx context.Context) ([]K, error) {
	keys, err := ask(ctx, &d.Proxy, "Keys", nil, d.keys.decodeAll)
	return keys, failed(typeDict, "Keys", err)
}

// Values returns all values, in the order of their keys.
func (d *Dict[K, V]) Values(ctx context.Context) ([]V, error) {
	items, err := d.items(ctx, &d.Proxy)
	values := make([]V, len(items))
	for i, item := range items {
		values[i] = item.Value
	}
	return values, failed(typeDict, "Values", err)
}

// Items returns all keys with their values, in their order, as they are at one moment.
func (d *Dict[K, V]) Items(ctx context.Context) ([]Pair[K, V], error) {
	items, err := d.items(ctx, &d.Proxy)
	return items, failed(typeDict, "Items", err)
}

// Snapshot returns a copy of the dict, as it is at one moment.
func (d *Dict[K, V]) Snapshot(ctx context.Context) (map[K]V, error) {
	items, err := d.items(ctx, &d.Proxy)
	if err != nil {
		return nil, failed(typeDict, "Snapshot", err)
	}
	return mapFrom(items), nil
}

// All returns a sequence over the Items.
func (d *Dict[K, V]) All(ctx context.Context) (iter.Seq2[K, V], error) {
	items, err := d.items(ctx, &d.Proxy)
	return pairsOf(items), failed(typeDict, "All", err)
}

// Clone returns another reference to the same dict. It does not block.
func (d *Dict[K, V]) Clone() (*Dict[K, V], error) {
	p, err := d.Proxy.Clone()
	if err != nil {
		return nil, failed(typeDict, "Clone", err)
	}
	return &Dict[K, V]{*p, d.table}, nil
}

// MarshalMsg and UnmarshalMsg pass the dict on to other processes, as part of any value.
func (d *Dict[K, V]) MarshalMsg(dst []byte) ([]byte, error) { return d.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the dict over: see MarshalMsg.
func (d *Dict[K, V]) UnmarshalMsg(src []byte) ([]byte, error) {
	t, err := newTable[K, V]()
	if err != nil {
		return src, failed(typeDict, "UnmarshalMsg", err)
	}
	d.table = t
	return adopt(&d.Proxy, typeDict, src)
}
