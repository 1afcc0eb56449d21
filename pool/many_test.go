package pool_test

import (
	"sync/atomic"
	"testing"

	"github.com/multiproc-go/multiproc/pool"
)

// A million tasks of each kind end, and the books balance.
func TestAMillionTasks(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 20_000
	}
	p := newPool(t, &pool.Options{Workers: 2})
	sum := 0
	for r := range double.IMapUnordered(t.Context(), p, count(n)).Results() {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		sum += r.Value
	}
	if want := n * (n - 1); sum != want {
		t.Fatalf("the sum is %d, want %d", sum, want)
	}
	var ended atomic.Int64
	for i := range n / 10 {
		result, err := double.ApplyAsync(t.Context(), p, i)
		if err != nil {
			t.Fatal(err)
		}
		result.OnDone(func(int, error) { ended.Add(1) })
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Done != uint64(n+n/10) || s.Pending != 0 || ended.Load() != int64(n/10) {
		t.Fatalf("%d callbacks, %+v", ended.Load(), s)
	}
}
