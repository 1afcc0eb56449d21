package sync

import (
	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// setObject is a Set in the manager: a table of keys without values.
type setObject struct{ *tableObject }

func init() {
	setTable.register(typeSet, newSetObject)
}

// newSetObject makes a set. The argument is the type of the values.
func newSetObject(r *reader, h keeper) (manager.Object, error) {
	_ = r.Text()
	return setObject{newTableObject(h)}, r.End()
}

// Call implements manager.Object.
func (o setObject) Call(c *manager.Request) { setTable.call(o.tableObject, c) }

// Value implements manager.Valuer.
func (o setObject) Value() ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return message(nil).values(keysOf(o.table.Entries())), nil
}

var setTable = methods[*tableObject]{
	"Add":      (*tableObject).addKeys,
	"Remove":   (*tableObject).removeKeys,
	"Retain":   (*tableObject).retainKeys,
	"Toggle":   (*tableObject).toggleKeys,
	"Pop":      (*tableObject).popKey,
	"Clear":    (*tableObject).clear,
	"Contains": (*tableObject).contains,
	"Compare":  (*tableObject).compare,
	"Len":      (*tableObject).length,
	"Keys":     (*tableObject).keys,
}

// addKeys adds keys, and answers how many are new.
func (o *tableObject) addKeys(c call, r *reader) {
	keys := readValues(r)
	o.change(c, r, keys, func(t *state.Table) (message, [][]byte, error) {
		var out [][]byte
		for _, k := range keys {
			if _, found := t.Set(k, nil); found {
				out = append(out, k)
			}
		}
		return message(nil).int(len(keys) - len(out)), out, nil
	})
}

// removeKeys takes keys out, and answers how many there were.
func (o *tableObject) removeKeys(c call, r *reader) {
	keys := readValues(r)
	o.change(c, r, nil, func(t *state.Table) (message, [][]byte, error) {
		out := deleteKeys(t, keys)
		return message(nil).int(len(out)), out, nil
	})
}

// retainKeys takes out all keys but some.
func (o *tableObject) retainKeys(c call, r *reader) {
	retained := keySet(readValues(r))
	o.change(c, r, nil, func(t *state.Table) (message, [][]byte, error) {
		var out [][]byte
		for _, e := range t.Entries() {
			if !retained[string(e.Key)] {
				t.Delete(e.Key)
				out = append(out, e.Key)
			}
		}
		return nothing, out, nil
	})
}

// toggleKeys takes out the keys that are there, and adds the others.
func (o *tableObject) toggleKeys(c call, r *reader) {
	in := readValues(r)
	o.change(c, r, in, func(t *state.Table) (message, [][]byte, error) {
		var out [][]byte
		toggled := map[string]bool{}
		for _, k := range in {
			if toggled[string(k)] {
				out = append(out, k)
				continue
			}
			toggled[string(k)] = true
			if e, found := t.Delete(k); found {
				out = append(out, e.Key, k)
			} else {
				t.Set(k, nil)
			}
		}
		return nothing, out, nil
	})
}

func (o *tableObject) popKey(c call, r *reader) {
	o.change(c, r, nil, func(t *state.Table) (message, [][]byte, error) {
		e, found := t.Last()
		if !found {
			return message(nil).bool(false), nil, nil
		}
		t.Delete(e.Key)
		return message(nil).bool(true).value(e.Key), [][]byte{e.Key}, nil
	})
}

// compare answers how many keys there are, how many different ones are in the argument, and how many in both.
func (o *tableObject) compare(c call, r *reader) {
	others := keySet(readValues(r))
	o.look(c, r, func(t *state.Table) message {
		common := 0
		for k := range others {
			if _, found := t.Get([]byte(k)); found {
				common++
			}
		}
		return message(nil).int(t.Len()).int(len(others)).int(common)
	})
}

func deleteKeys(t *state.Table, keys [][]byte) (out [][]byte) {
	for _, k := range keys {
		if e, found := t.Delete(k); found {
			out = append(out, e.Key)
		}
	}
	return out
}

func keySet(keys [][]byte) map[string]bool {
	set := make(map[string]bool, len(keys))
	for _, k := range keys {
		set[string(k)] = true
	}
	return set
}
