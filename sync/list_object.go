package sync

import (
	"maps"

	"github.com/multiproc-go/multiproc/sync/internal/state"
	"github.com/multiproc-go/multiproc/wire"
)

// maxLength is how many values Repeat makes at most. Each has a place of 24 bytes.
const maxLength = 1 << 24

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
		return message(nil).value(v), [][]byte{v}, err
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
		if size := q.Len(); size > 0 && n > 1 && n > maxLength/size {
			return nil, nil, state.ErrOutOfRange
		}
		if n == 0 {
			return nothing, q.Splice(0, q.Len()), nil
		}
		if err := o.keepAgain(q.View(0, q.Len()), n-1); err != nil {
			return nil, nil, err
		}
		q.Repeat(n)
		return nothing, nil, nil
	})
}

// keepAgain keeps values that are stored already, so many times more.
func (o *sequenceObject) keepAgain(values [][]byte, times int) error {
	for _, v := range values {
		if tokens, err := wire.FindTokens(v); err == nil && len(tokens) == 0 {
			continue // the most frequent by far
		}
		for range times {
			if err := o.host.Keep(v); err != nil {
				return err // it does not come to that: what is stored is alive
			}
		}
	}
	return nil
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
