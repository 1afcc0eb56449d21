package sync

import (
	"fmt"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// sequenceObject is a List, an Array or a Value in the manager. Values are handed to a caller with the mutex held, so
// that nobody can have the object let go of the proxies in them before the caller has its own.
type sequenceObject struct {
	host keeper

	mu     stdsync.Mutex // guards values
	values *state.Sequence
}

func init() {
	listTable.register(typeList, newListObject)
	arrayTable.register(typeArray, newArrayObject)
	arrayTable.register(typeValue, newArrayObject)
}

func newListObject(r *reader, h keeper) (manager.Object, error) {
	o, err := newSequenceObject(r, h)
	return listObject{o}, err
}

func newArrayObject(r *reader, h keeper) (manager.Object, error) {
	o, err := newSequenceObject(r, h)
	return arrayObject{o}, err
}

// newSequenceObject makes an object of the type of its elements and the first values.
func newSequenceObject(r *reader, h keeper) (*sequenceObject, error) {
	_ = r.Text()
	values := readValues(r)
	if err := r.End(); err != nil {
		return nil, err
	}
	o := &sequenceObject{host: h, values: state.NewSequence(values)}
	return o, o.keep(values...)
}

type (
	listObject  struct{ *sequenceObject }
	arrayObject struct{ *sequenceObject }
)

// Call implements manager.Object.
func (o listObject) Call(c *manager.Request) { listTable.call(o.sequenceObject, c) }

// Call implements manager.Object.
func (o arrayObject) Call(c *manager.Request) { arrayTable.call(o.sequenceObject, c) }

var arrayTable = methods[*sequenceObject]{
	"Get":            (*sequenceObject).get,
	"Set":            (*sequenceObject).set,
	"Swap":           (*sequenceObject).swap,
	"CompareAndSwap": (*sequenceObject).compareAndSwap,
	"Add":            (*sequenceObject).add,
	"Len":            (*sequenceObject).length,
	"Slice":          (*sequenceObject).slice,
	"SetSlice":       (*sequenceObject).overwrite,
	"Snapshot":       (*sequenceObject).snapshot,
	"Index":          (*sequenceObject).index,
	"Count":          (*sequenceObject).count,
}

// Value implements manager.Valuer.
func (o *sequenceObject) Value() ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return message(nil).values(o.values.View(0, o.values.Len())), nil
}

// Inspect implements manager.Inspector.
func (o *sequenceObject) Inspect() manager.Inspection {
	o.mu.Lock()
	defer o.mu.Unlock()
	return manager.Inspection{Summary: fmt.Sprintf("%d values", o.values.Len())}
}

// keep keeps what is about to be stored, all or nothing.
func (o *sequenceObject) keep(values ...[]byte) error { return keepAll(o.host, values...) }

// drop lets go of what was taken out.
func (o *sequenceObject) drop(values ...[]byte) { dropAll(o.host, values...) }

func keepAll(h keeper, values ...[]byte) error {
	for i, v := range values {
		if err := h.Keep(v); err != nil {
			dropAll(h, values[:i]...)
			return err
		}
	}
	return nil
}

func dropAll(h keeper, values ...[]byte) {
	for _, v := range values {
		h.Drop(v)
	}
}

// look answers with what something reads.
func (o *sequenceObject) look(c call, r *reader, at func(q *state.Sequence) (message, error)) {
	if err := r.End(); err != nil {
		c.Fail(err)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	result, err := at(o.values)
	answer(c, result, err)
}

// change stores values, and answers with what that returns; old is what it took out.
func (o *sequenceObject) change(
	c call, r *reader, values [][]byte, how func(q *state.Sequence) (result message, old [][]byte, err error),
) {
	err := r.End()
	if err == nil {
		err = o.keep(values...)
	}
	if err != nil {
		c.Fail(err)
		return
	}
	o.mu.Lock()
	result, old, err := how(o.values)
	answer(c, result, err)
	o.mu.Unlock()
	if err != nil {
		old = values
	}
	o.drop(old...)
}

func (o *sequenceObject) get(c call, r *reader) {
	i := r.Int()
	o.look(c, r, func(q *state.Sequence) (message, error) {
		v, err := q.At(i)
		return message(nil).value(v), err // the reply is the manager's, and the value stays
	})
}

func (o *sequenceObject) set(c call, r *reader) {
	i, v := r.Int(), r.Value()
	o.change(c, r, [][]byte{v}, func(q *state.Sequence) (message, [][]byte, error) {
		old, err := q.Put(i, v)
		return nothing, [][]byte{old}, err
	})
}

func (o *sequenceObject) swap(c call, r *reader) {
	i, v := r.Int(), r.Value()
	o.change(c, r, [][]byte{v}, func(q *state.Sequence) (message, [][]byte, error) {
		old, err := q.Put(i, v)
		return message(nil).value(old), [][]byte{old}, err
	})
}

func (o *sequenceObject) compareAndSwap(c call, r *reader) {
	i, old, v := r.Int(), r.Value(), r.Value()
	o.change(c, r, [][]byte{v}, func(q *state.Sequence) (message, [][]byte, error) {
		swapped, err := q.CompareAndPut(i, old, v)
		out := [][]byte{old}
		if !swapped {
			out = [][]byte{v}
		}
		return message(nil).bool(swapped), out, err
	})
}

func (o *sequenceObject) add(c call, r *reader) {
	i, kind, delta := r.Int(), state.NumberKind(r.Uint()), r.Value()
	o.change(c, r, nil, func(q *state.Sequence) (message, [][]byte, error) {
		old, err := q.At(i)
		if err != nil {
			return nil, nil, err
		}
		sum, err := state.Add(kind, old, delta)
		if err == nil {
			_, err = q.Put(i, sum)
		}
		return message(nil).value(sum), nil, err // numbers hold no proxies
	})
}

func (o *sequenceObject) length(c call, r *reader) {
	o.look(c, r, func(q *state.Sequence) (message, error) { return message(nil).int(q.Len()), nil })
}

func (o *sequenceObject) slice(c call, r *reader) {
	from, to := r.Int(), r.Int()
	o.look(c, r, func(q *state.Sequence) (message, error) { return message(nil).values(q.View(from, to)), nil })
}

// overwrite puts values over as many others.
func (o *sequenceObject) overwrite(c call, r *reader) {
	from, values := r.Int(), readValues(r)
	o.change(c, r, values, func(q *state.Sequence) (message, [][]byte, error) {
		if from < 0 {
			from += q.Len()
		}
		if from < 0 || len(values) > q.Len()-from {
			return nil, nil, state.ErrOutOfRange
		}
		return nothing, q.Splice(from, from+len(values), values...), nil
	})
}

func (o *sequenceObject) snapshot(c call, r *reader) {
	o.look(c, r, func(q *state.Sequence) (message, error) {
		return message(nil).uint(q.Version()).values(q.View(0, q.Len())), nil
	})
}

func (o *sequenceObject) index(c call, r *reader) {
	v, from, to := r.Value(), r.Int(), r.Int()
	o.look(c, r, func(q *state.Sequence) (message, error) { return message(nil).int(q.Find(v, from, to)), nil })
}

func (o *sequenceObject) count(c call, r *reader) {
	v := r.Value()
	o.look(c, r, func(q *state.Sequence) (message, error) { return message(nil).int(q.Count(v)), nil })
}
