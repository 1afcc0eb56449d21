package state

import (
	"bytes"
	"slices"
)

// A Sequence is values in order: a list, or an array where nothing is inserted or deleted. Values are encoded, and equal
// when their bytes are; they are never changed in place. What an operation takes out, it returns.
type Sequence struct {
	values  [][]byte
	version uint64 // counts changes
}

// NewSequence returns a sequence of values, which are its own from then on.
func NewSequence(values [][]byte) *Sequence { return &Sequence{values: values} }

// Len returns how many values there are.
func (q *Sequence) Len() int { return len(q.values) }

// Version returns a number that every change makes larger.
func (q *Sequence) Version() uint64 { return q.version }

// At returns a value. An index below 0 counts from the end. The error is ErrOutOfRange.
func (q *Sequence) At(index int) ([]byte, error) {
	i, err := q.locate(index, 0)
	if err != nil {
		return nil, err
	}
	return q.values[i], nil
}

// Put puts a value in the place of the one at index, which it returns. The error is ErrOutOfRange.
func (q *Sequence) Put(index int, value []byte) ([]byte, error) {
	i, err := q.locate(index, 0)
	if err != nil {
		return nil, err
	}
	old := q.values[i]
	q.values[i] = value
	q.version++
	return old, nil
}

// CompareAndPut is Put where the old value is equal to another, and says whether it was. The error is ErrOutOfRange.
func (q *Sequence) CompareAndPut(index int, old, value []byte) (swapped bool, err error) {
	i, err := q.locate(index, 0)
	if err != nil || !bytes.Equal(q.values[i], old) {
		return false, err
	}
	q.values[i] = value
	q.version++
	return true, nil
}

// Insert puts values in front of the one at index, or at the end for the length. The error is ErrOutOfRange.
func (q *Sequence) Insert(index int, values ...[]byte) error {
	i, err := q.locate(index, 1)
	if err != nil {
		return err
	}
	q.values = slices.Insert(q.values, i, values...)
	q.version++
	return nil
}

// Append puts values at the end.
func (q *Sequence) Append(values ...[]byte) {
	q.values = append(q.values, values...)
	q.version++
}

// Take takes out the value at index. The error is ErrOutOfRange.
func (q *Sequence) Take(index int) ([]byte, error) {
	i, err := q.locate(index, 0)
	if err != nil {
		return nil, err
	}
	value := q.values[i]
	q.values = slices.Delete(q.values, i, i+1)
	q.version++
	return value, nil
}

// View returns the values from one index up to another, which is not among them. Indices below 0 count from the end, and
// those outside mean the nearest inside. What it returns holds until the next change.
func (q *Sequence) View(from, to int) [][]byte {
	from, to = q.clamp(from, to)
	return q.values[from:to:to]
}

// Repeat makes the sequence n times as long, by its own values, with n at least 1.
func (q *Sequence) Repeat(n int) {
	q.values = slices.Repeat(q.values, n)
	q.version++
}

// Splice puts values in the place of those between two indices, which are taken as View does, and returns those.
func (q *Sequence) Splice(from, to int, values ...[]byte) [][]byte {
	from, to = q.clamp(from, to)
	old := slices.Clone(q.values[from:to])
	q.values = slices.Replace(q.values, from, to, values...)
	q.version++
	return old
}

// Find returns the index of the first value between two indices that is equal to value, or -1.
func (q *Sequence) Find(value []byte, from, to int) int {
	from, to = q.clamp(from, to)
	i := slices.IndexFunc(q.values[from:to], equalTo(value))
	if i < 0 {
		return -1
	}
	return from + i
}

// Count returns how many values are equal to value.
func (q *Sequence) Count(value []byte) int {
	n := 0
	for _, v := range q.values {
		if bytes.Equal(v, value) {
			n++
		}
	}
	return n
}

// Reverse turns the order round.
func (q *Sequence) Reverse() {
	slices.Reverse(q.values)
	q.version++
}

// Permute puts the value at order[i] at i, for each i, if nothing was changed since the version: order must name each
// index once. The errors are ErrChanged and ErrOutOfRange.
func (q *Sequence) Permute(version uint64, order []int) error {
	if q.version != version {
		return ErrChanged
	}
	if len(order) != len(q.values) {
		return ErrOutOfRange
	}
	permuted, named := make([][]byte, len(order)), make([]bool, len(order))
	for i, from := range order {
		if from < 0 || from >= len(order) || named[from] {
			return ErrOutOfRange
		}
		permuted[i], named[from] = q.values[from], true
	}
	q.values = permuted
	q.version++
	return nil
}

// locate makes an index of one that may count from the end. There may be so many beyond the last value.
func (q *Sequence) locate(index, beyond int) (int, error) {
	if index < 0 {
		index += len(q.values)
	}
	if index < 0 || index >= len(q.values)+beyond {
		return 0, ErrOutOfRange
	}
	return index, nil
}

func (q *Sequence) clamp(from, to int) (int, int) {
	nearest := func(i int) int {
		if i < 0 {
			i += len(q.values)
		}
		return min(max(i, 0), len(q.values))
	}
	from = nearest(from)
	return from, max(from, nearest(to))
}

func equalTo(value []byte) func([]byte) bool {
	return func(other []byte) bool { return bytes.Equal(value, other) }
}
