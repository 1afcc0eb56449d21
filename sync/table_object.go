package sync

import (
	"fmt"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
	"github.com/multiproc-go/multiproc/wire"
)

// tableObject is a Dict, a Namespace or a Set in the manager. Values are handed to a caller with the mutex held, so that
// nobody can have the object let go of the proxies in them before the caller has its own.
type tableObject struct {
	host keeper

	mu    stdsync.Mutex // guards table
	table *state.Table
}

func init() {
	dictTable.register(typeDict, newDictObject)
	dictTable.register(typeNamespace, newDictObject)
}

// newDictObject makes a dict or a namespace. The argument is the types of keys and values.
func newDictObject(r *reader, h keeper) (manager.Object, error) {
	_ = r.Text()
	return dictObject{newTableObject(h)}, r.End()
}

func newTableObject(h keeper) *tableObject {
	return &tableObject{host: h, table: state.NewTable()}
}

type dictObject struct{ *tableObject }

// Call implements manager.Object.
func (o dictObject) Call(c *manager.Request) { dictTable.call(o.tableObject, c) }

// Value implements manager.Valuer.
func (o dictObject) Value() ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return mapOf(o.table.Entries()), nil
}

// Inspect implements manager.Inspector.
func (o *tableObject) Inspect() manager.Inspection {
	o.mu.Lock()
	defer o.mu.Unlock()
	return manager.Inspection{Summary: fmt.Sprintf("%d entries", o.table.Len())}
}

var dictTable = methods[*tableObject]{
	"Get":              (*tableObject).get,
	"Set":              (*tableObject).set,
	"Swap":             (*tableObject).swap,
	"GetOrSet":         (*tableObject).getOrSet,
	"CompareAndSwap":   (*tableObject).compareAndSwap,
	"CompareAndDelete": (*tableObject).compareAndDelete,
	"Add":              (*tableObject).add,
	"Delete":           (*tableObject).delete,
	"Pop":              (*tableObject).pop,
	"PopItem":          (*tableObject).popItem,
	"Update":           (*tableObject).update,
	"Clear":            (*tableObject).clear,
	"Contains":         (*tableObject).contains,
	"Len":              (*tableObject).length,
	"Keys":             (*tableObject).keys,
	"Snapshot":         (*tableObject).snapshot,
}

// look answers with what something reads.
func (o *tableObject) look(c call, r *reader, at func(t *state.Table) message) {
	if err := r.End(); err != nil {
		c.Fail(err)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	c.Return(at(o.table))
}

// change stores what is new, and answers with what that returns; out is what it took out, or did not store.
func (o *tableObject) change(c call, r *reader, in [][]byte, how func(t *state.Table) (result message, out [][]byte, err error)) {
	err := r.End()
	if err == nil {
		err = keepAll(o.host, in...)
	}
	if err != nil {
		c.Fail(err)
		return
	}
	o.mu.Lock()
	result, out, err := how(o.table)
	answer(c, result, err)
	o.mu.Unlock()
	if err != nil {
		out = in
	}
	dropAll(o.host, out...)
}

// set returns what is not kept after key was set to value: the old value, and the key that was there already.
func set(t *state.Table, key, value []byte) (old []byte, found bool, out [][]byte) {
	if old, found = t.Set(key, value); found {
		out = [][]byte{key, old}
	}
	return old, found, out
}

func (o *tableObject) get(c call, r *reader) {
	key := r.Value()
	o.look(c, r, func(t *state.Table) message { return maybe(t.Get(key)) })
}

func (o *tableObject) set(c call, r *reader) {
	key, value := r.Value(), r.Value()
	o.change(c, r, [][]byte{key, value}, func(t *state.Table) (message, [][]byte, error) {
		_, _, out := set(t, key, value)
		return nothing, out, nil
	})
}

func (o *tableObject) swap(c call, r *reader) {
	key, value := r.Value(), r.Value()
	o.change(c, r, [][]byte{key, value}, func(t *state.Table) (message, [][]byte, error) {
		old, found, out := set(t, key, value)
		return maybe(old, found), out, nil
	})
}

func (o *tableObject) getOrSet(c call, r *reader) {
	key, value := r.Value(), r.Value()
	in := [][]byte{key, value}
	o.change(c, r, in, func(t *state.Table) (message, [][]byte, error) {
		if old, found := t.Get(key); found {
			return maybe(old, true), in, nil
		}
		t.Set(key, value)
		return maybe(nil, false), nil, nil
	})
}

func (o *tableObject) compareAndSwap(c call, r *reader) {
	key, old, value := r.Value(), r.Value(), r.Value()
	o.change(c, r, [][]byte{value}, func(t *state.Table) (message, [][]byte, error) {
		if t.CompareAndSet(key, old, value) {
			return message(nil).bool(true), [][]byte{old}, nil
		}
		return message(nil).bool(false), [][]byte{value}, nil
	})
}

func (o *tableObject) compareAndDelete(c call, r *reader) {
	key, old := r.Value(), r.Value()
	o.change(c, r, nil, func(t *state.Table) (message, [][]byte, error) {
		if !t.CompareAndSet(key, old, old) {
			return message(nil).bool(false), nil, nil
		}
		e, _ := t.Delete(key)
		return message(nil).bool(true), [][]byte{e.Key, e.Value}, nil
	})
}

// add adds to a number, which is 0 where there is none.
func (o *tableObject) add(c call, r *reader) {
	key, kind, delta := r.Value(), state.NumberKind(r.Uint()), r.Value()
	o.change(c, r, [][]byte{key}, func(t *state.Table) (message, [][]byte, error) {
		old, found := t.Get(key)
		if !found {
			old = delta
		}
		sum, err := state.Add(kind, old, delta)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			sum = delta // which is a number, or the addition would have failed
		}
		_, _, out := set(t, key, sum)
		return message(nil).value(sum), out, nil // the reply is the manager's, and the sum stays
	})
}

// delete is pop for a caller who does not want the value, and so no proxies that may be in it.
func (o *tableObject) delete(c call, r *reader) {
	key := r.Value()
	o.change(c, r, nil, func(t *state.Table) (message, [][]byte, error) {
		e, found := t.Delete(key)
		return message(nil).bool(found), [][]byte{e.Key, e.Value}, nil
	})
}

func (o *tableObject) pop(c call, r *reader) {
	key := r.Value()
	o.change(c, r, nil, func(t *state.Table) (message, [][]byte, error) {
		e, found := t.Delete(key)
		return maybe(e.Value, found), [][]byte{e.Key, e.Value}, nil
	})
}

func (o *tableObject) popItem(c call, r *reader) {
	o.change(c, r, nil, func(t *state.Table) (message, [][]byte, error) {
		e, found := t.Last()
		if !found {
			return message(nil).bool(false), nil, nil
		}
		t.Delete(e.Key)
		return message(nil).bool(true).value(e.Key).value(e.Value), [][]byte{e.Key, e.Value}, nil
	})
}

// update sets many, of which keys and values alternate.
func (o *tableObject) update(c call, r *reader) {
	in := readValues(r)
	if len(in)%2 != 0 {
		r.Fail(fmt.Errorf("%w: a key without a value", wire.ErrMalformed))
	}
	o.change(c, r, in, func(t *state.Table) (message, [][]byte, error) {
		var all [][]byte
		for i := 0; i < len(in); i += 2 {
			_, _, out := set(t, in[i], in[i+1])
			all = append(all, out...)
		}
		return nothing, all, nil
	})
}

func (o *tableObject) clear(c call, r *reader) {
	o.change(c, r, nil, func(t *state.Table) (message, [][]byte, error) {
		return nothing, flatten(t.Clear()), nil
	})
}

func (o *tableObject) contains(c call, r *reader) {
	key := r.Value()
	o.look(c, r, func(t *state.Table) message {
		_, found := t.Get(key)
		return message(nil).bool(found)
	})
}

func (o *tableObject) length(c call, r *reader) {
	o.look(c, r, func(t *state.Table) message { return message(nil).int(t.Len()) })
}

func (o *tableObject) keys(c call, r *reader) {
	o.look(c, r, func(t *state.Table) message {
		return message(nil).values(keysOf(t.Entries()))
	})
}

func (o *tableObject) snapshot(c call, r *reader) {
	o.look(c, r, func(t *state.Table) message { return mapOf(t.Entries()) })
}

// maybe is the reply with a value that may not be there.
func maybe(value []byte, found bool) message { return message(nil).bool(found).value(value) }

func keysOf(entries []state.Entry) [][]byte {
	keys := make([][]byte, len(entries))
	for i, e := range entries {
		keys[i] = e.Key
	}
	return keys
}

// flatten returns the keys and values of entries.
func flatten(entries []state.Entry) [][]byte {
	all := make([][]byte, 0, 2*len(entries))
	for _, e := range entries {
		all = append(all, e.Key, e.Value)
	}
	return all
}
