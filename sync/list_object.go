package sync

import (
	"maps"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// maxLength is how many values Repeat makes at most.
const maxLength = 1 << 28

// listTable has what a list can do and an array cannot, besides what both can.
var listTable = func() methods[*sequenceObject] {
	m := methods[*sequenceObject]{
		"Append":  (*sequenceObject).append,
		"Insert":  (*sequenceObject).insert,
		"Pop":     (*sequenceObject).pop,
		"Splice":  (*sequenceObject).splice,
		"Remove":  (*sequenceObject).remove,
		"Repeat":  (*sequenceObject).repeat,
		"Reverse": (*sequenceObject).reverse,
		"Permute": (*sequenceObject).permute,
	}
	maps.Copy(m, arrayTable)
	return m
}()

func (o *sequenceObject) append(c call, r *reader) {
	values := readValues(r)
	o.change(c, r, values, func(q *state.Sequence) (message, [][]byte, error) {
		q.Append(values...)
		return message(nil).int(q.Len()), nil, nil
	})
}

func (o *sequenceObject) insert(c call, r *reader) {
	i, values := r.Int(), readValues(r)
	o.change(c, r, values, func(q *state.Sequence) (message, [][]byte, error) {
		return nothing, nil, q.Insert(i, values...)
	})
}

func (o *sequenceObject) pop(c call, r *reader) {
	i := r.Int()
	o.change(c, r, nil, func(q *state.Sequence) (message, [][]byte, error) {
		v, err := q.Take(i)
		return v, [][]byte{v}, err
	})
}

func (o *sequenceObject) splice(c call, r *reader) {
	from, to, values := r.Int(), r.Int(), readValues(r)
	o.change(c, r, values, func(q *state.Sequence) (message, [][]byte, error) {
		return nothing, q.Splice(from, to, values...), nil
	})
}

func (o *sequenceObject) remove(c call, r *reader) {
	v := r.Value()
	o.change(c, r, nil, func(q *state.Sequence) (message, [][]byte, error) {
		i := q.Find(v, 0, q.Len())
		if i < 0 {
			return message(nil).bool(false), nil, nil
		}
		old, err := q.Take(i)
		return message(nil).bool(true), [][]byte{old}, err
	})
}

func (o *sequenceObject) repeat(c call, r *reader) {
	n := max(r.Int(), 0)
	o.change(c, r, nil, func(q *state.Sequence) (message, [][]byte, error) {
		if size := q.Len(); size > 0 && n > maxLength/size {
			return nil, nil, state.ErrOutOfRange
		}
		if n == 0 {
			return nothing, q.Splice(0, q.Len()), nil
		}
		values := q.Between(0, q.Len())
		for range n - 1 {
			if err := o.keep(values...); err != nil {
				return nil, nil, err
			}
			q.Append(values...)
		}
		return nothing, nil, nil
	})
}

func (o *sequenceObject) reverse(c call, r *reader) {
	o.change(c, r, nil, func(q *state.Sequence) (message, [][]byte, error) {
		q.Reverse()
		return nothing, nil, nil
	})
}

func (o *sequenceObject) permute(c call, r *reader) {
	version := r.Uint()
	order := make([]int, 0, 16)
	for _, i := range readUints(r) {
		order = append(order, int(i))
	}
	o.change(c, r, nil, func(q *state.Sequence) (message, [][]byte, error) {
		return nothing, nil, q.Permute(version, order)
	})
}
