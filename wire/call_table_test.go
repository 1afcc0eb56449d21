package wire

import (
	"math/rand/v2"
	"testing"
)

// A table of calls is a map, whichever numbers are under way together.
func TestCallTable(t *testing.T) {
	var table callTable
	model := map[uint64]*pending{}
	last := uint64(1)
	for range 100_000 {
		last += uint64(rand.IntN(3)) * uint64(1+rand.IntN(nearCalls))
		if n := last; model[n] == nil && len(model) < 2*nearCalls {
			model[n] = &pending{}
			table.set(n, model[n])
		}
		for n := range model { // any
			if rand.IntN(2) == 0 {
				n++ // which may be there too
			}
			if got := table.get(n); got != model[n] {
				t.Fatalf("call %d is %p, not %p", n, got, model[n])
			}
			if rand.IntN(2) == 0 {
				if got := table.take(n); got != model[n] {
					t.Fatalf("%p was taken for call %d, not %p", got, n, model[n])
				}
				delete(model, n)
			}
			break
		}
	}
	all := table.all()
	if len(all) != len(model) {
		t.Fatalf("%d of %d", len(all), len(model))
	}
	for n, p := range model {
		if table.take(n) != p {
			t.Errorf("call %d was lost", n)
		}
	}
	if all := table.all(); len(all) != 0 {
		t.Errorf("%d are left", len(all))
	}
}
