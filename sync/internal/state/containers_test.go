package state_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/tinylib/msgp/msgp"
	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// drawValue draws one of few values, so that equal ones are frequent.
func drawValue(t *rapid.T) []byte { return []byte{rapid.ByteRange('a', 'd').Draw(t, "value")} }

func drawValues(t *rapid.T) [][]byte {
	return rapid.SliceOfN(rapid.Custom(drawValue), 0, 3).Draw(t, "values")
}

func TestSequenceAgainstSlices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := state.NewSequence(nil)
		var model []string
		index := func(t *rapid.T) int { return rapid.IntRange(-len(model)-2, len(model)+2).Draw(t, "index") }
		// located is what Python makes of an index.
		located := func(i, beyond int) (int, bool) {
			if i < 0 {
				i += len(model)
			}
			return i, i >= 0 && i < len(model)+beyond
		}
		nearest := func(i int) int {
			if i < 0 {
				i += len(model)
			}
			return min(max(i, 0), len(model))
		}
		agree := func(t *rapid.T, ok bool, err error) bool {
			fatalUnless(t, ok == (err == nil) && (ok || errors.Is(err, state.ErrOutOfRange)), "%v, but in range is %v", err, ok)
			return ok
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for _, v := range drawValues(t) {
					q.Append(v)
					model = append(model, string(v))
				}
			},
			"insert": func(t *rapid.T) {
				i, v := index(t), drawValue(t)
				if at, ok := located(i, 1); agree(t, ok, q.Insert(i, v)) {
					model = slices.Insert(model, at, string(v))
				}
			},
			"put": func(t *rapid.T) {
				i, v := index(t), drawValue(t)
				old, err := q.Put(i, v)
				if at, ok := located(i, 0); agree(t, ok, err) {
					fatalUnless(t, model[at] == string(old), "the old value is %s, not %s", old, model[at])
					model[at] = string(v)
				}
			},
			"compare and put": func(t *rapid.T) {
				i, old, v := index(t), drawValue(t), drawValue(t)
				swapped, err := q.CompareAndPut(i, old, v)
				if at, ok := located(i, 0); agree(t, ok, err) {
					fatalUnless(t, swapped == (model[at] == string(old)), "swapped is %v", swapped)
					if swapped {
						model[at] = string(v)
					}
				}
			},
			"take": func(t *rapid.T) {
				i := index(t)
				v, err := q.Take(i)
				if at, ok := located(i, 0); agree(t, ok, err) {
					fatalUnless(t, model[at] == string(v), "took %s, not %s", v, model[at])
					model = slices.Delete(model, at, at+1)
				}
			},
			"splice": func(t *rapid.T) {
				from, to, values := index(t), index(t), drawValues(t)
				old := q.Splice(from, to, values...)
				f := nearest(from)
				e := max(f, nearest(to))
				fatalUnless(t, slices.Equal(text(old), model[f:e]), "took out %s", old)
				model = slices.Replace(model, f, e, text(values)...)
			},
			"reverse": func(*rapid.T) {
				q.Reverse()
				slices.Reverse(model)
			},
			"permute": func(t *rapid.T) {
				order := rapid.Permutation(indices(len(model))).Draw(t, "order")
				fatalUnless(t, errors.Is(q.Permute(q.Version()+1, order), state.ErrChanged), "permuted another version")
				fatalUnless(t, q.Permute(q.Version(), order) == nil, "not permuted")
				before := slices.Clone(model)
				for i, from := range order {
					model[i] = before[from]
				}
				if len(order) > 1 {
					order[0] = order[1]
					fatalUnless(t, q.Permute(q.Version(), order) != nil, "permuted by what is no permutation")
				}
			},
			"": func(t *rapid.T) {
				fatalUnless(t, slices.Equal(text(q.View(0, q.Len())), model), "%s, not %s", q.View(0, q.Len()), model)
				v := drawValue(t)
				fatalUnless(t, q.Find(v, 0, math.MaxInt) == slices.Index(model, string(v)), "Find is wrong")
			},
		})
	})
}

func TestTableAgainstMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := state.NewTable()
		model := map[string]string{}
		var order []string
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				k, v := drawValue(t), drawValue(t)
				old, found := table.Set(k, v)
				was, known := model[string(k)]
				fatalUnless(t, found == known && string(old) == was, "Set returned %s, %v", old, found)
				model[string(k)] = string(v)
				if !known {
					order = append(order, string(k))
				}
			},
			"compare and set": func(t *rapid.T) {
				k, old, v := drawValue(t), drawValue(t), drawValue(t)
				was, known := model[string(k)]
				done := table.CompareAndSet(k, old, v)
				fatalUnless(t, done == (known && was == string(old)), "CompareAndSet returned %v", done)
				if done {
					model[string(k)] = string(v)
				}
			},
			"delete": func(t *rapid.T) {
				k := drawValue(t)
				gone, found := table.Delete(k)
				was, known := model[string(k)]
				fatalUnless(t, found == known && string(gone.Value) == was, "Delete returned %s, %v", gone.Value, found)
				delete(model, string(k))
				order = without(order, string(k))
			},
			"clear": func(t *rapid.T) {
				fatalUnless(t, len(table.Clear()) == len(model), "Clear returned another number of entries")
				clear(model)
				order = nil
			},
			"": func(t *rapid.T) {
				var keys []string
				for _, e := range table.Entries() {
					keys = append(keys, string(e.Key))
					fatalUnless(t, model[string(e.Key)] == string(e.Value), "%s has %s", e.Key, e.Value)
				}
				fatalUnless(t, slices.Equal(keys, order) && table.Len() == len(order), "keys %s, not %s", keys, order)
				last, found := table.Last()
				fatalUnless(t, found == (len(order) > 0) && (!found || string(last.Key) == order[len(order)-1]), "Last is wrong")
			},
		})
	})
}

func TestAddAsGoDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		small, err := state.Add(state.Signed(8), msgp.AppendInt64(nil, int64(int8(a))), msgp.AppendInt64(nil, int64(int8(b))))
		fatalUnless(t, err == nil && slices.Equal(small, msgp.AppendInt64(nil, int64(int8(a)+int8(b)))), "int8: %v %v", small, err)
		large, err := state.Add(state.Unsigned(64), msgp.AppendUint64(nil, uint64(a)), msgp.AppendUint64(nil, uint64(b)))
		fatalUnless(t, err == nil && slices.Equal(large, msgp.AppendUint64(nil, uint64(a)+uint64(b))), "uint64: %v %v", large, err)
		_, err = state.Add(state.Signed(64), msgp.AppendString(nil, "a"), msgp.AppendInt64(nil, a))
		fatalUnless(t, errors.Is(err, state.ErrNotNumber), "added to a string: %v", err)
		_, err = state.Add(0, msgp.AppendInt64(nil, a), msgp.AppendInt64(nil, b))
		fatalUnless(t, errors.Is(err, state.ErrNotNumber), "added what has no kind: %v", err)
	})
}

func text(values [][]byte) []string {
	strings := make([]string, len(values))
	for i, v := range values {
		strings[i] = string(v)
	}
	return strings
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
