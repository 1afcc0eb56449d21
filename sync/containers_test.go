package sync_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
	"github.com/multiproc-go/multiproc/wire"
)

func expect[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestValue(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	v := must(mpsync.NewValue(ctx, m, 40))
	expect(t, "Add", must(v.Add(ctx, 2)), 42)
	expect(t, "CompareAndSwap of another", must(v.CompareAndSwap(ctx, 41, 0)), false)
	expect(t, "CompareAndSwap", must(v.CompareAndSwap(ctx, 42, 300)), true)
	expect(t, "Swap", must(v.Swap(ctx, -5)), 300)
	expect(t, "Modify", must(v.Modify(ctx, func(n int) int { return n * n })), 25)
	check(t, v.Set(ctx, math.MaxInt))
	expect(t, "overflow", must(v.Add(ctx, 1)), math.MinInt)

	small := must(mpsync.NewValue(ctx, m, int8(100)))
	expect(t, "int8", must(small.Add(ctx, 100)), -56)
	unsigned := must(mpsync.NewValue(ctx, m, uint16(1)))
	expect(t, "uint16", must(unsigned.Add(ctx, math.MaxUint16)), 0)
	expect(t, "uint16 equal", must(unsigned.CompareAndSwap(ctx, 0, 9)), true)
	float := must(mpsync.NewValue(ctx, m, float32(0.5)))
	expect(t, "float32", must(float.Add(ctx, 0.25)), 0.75)
	text := must(mpsync.NewValue(ctx, m, "a"))
	if _, err := text.Add(ctx, "b"); !errors.Is(err, mpsync.ErrNotNumber) {
		t.Errorf("added strings: %v", err)
	}
	if _, err := mpsync.NewValue(ctx, m, make(chan int)); !errors.Is(err, wire.ErrUnsupportedType) {
		t.Errorf("a channel: %v", err)
	}
}

// Maps have no order in Go: equal ones must be equal in the manager.
func TestValueOfMaps(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	type nested struct{ M map[string]map[int]bool }
	fresh := func() nested {
		n := nested{map[string]map[int]bool{}}
		for i := range 20 {
			n.M[string(rune('a'+i))] = map[int]bool{i: true, -i: false, 1000 * i: true}
		}
		return n
	}
	v := must(mpsync.NewValue(ctx, h.session(), fresh()))
	for range 20 {
		if !must(v.CompareAndSwap(ctx, fresh(), fresh())) {
			t.Fatal("equal maps are not equal")
		}
	}
	expect(t, "Get", must(v.Get(ctx)), fresh())
}

func TestCountersOfManySessions(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	const sessions, rounds = 4, 100
	m := h.session()
	added := must(mpsync.NewValue(ctx, m, 0, mpsync.Named("added")))
	modified := must(mpsync.NewArray(ctx, m, []int{0, 0}, mpsync.Named("modified")))
	counts := must(mpsync.NewDict[string, int](ctx, m, mpsync.Named("counts")))
	var all sync.WaitGroup
	for range sessions {
		own := h.session()
		a := must(mpsync.NewValue(ctx, own, 0, mpsync.Named("added")))
		b := must(mpsync.NewArray(ctx, own, []int{0, 0}, mpsync.Named("modified")))
		c := must(mpsync.NewDict[string, int](ctx, own, mpsync.Named("counts")))
		all.Go(func() {
			for range rounds {
				must(a.Add(ctx, 1))
				must(b.Modify(ctx, 1, func(n int) int { return n + 1 }))
				must(c.Add(ctx, "x", 2))
				must2(c.Modify(ctx, "y", func(n int, found bool) (int, bool) { return n + 1, true }))
			}
		})
	}
	all.Wait()
	expect(t, "added", must(added.Get(ctx)), sessions*rounds)
	expect(t, "modified", must(modified.Snapshot(ctx)), []int{0, sessions * rounds})
	expect(t, "counts", must(counts.Snapshot(ctx)), map[string]int{"x": 2 * sessions * rounds, "y": sessions * rounds})
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

func TestNamedObjectsAgree(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	must(mpsync.NewQueue[int](ctx, m, 5, mpsync.Named("q")))
	for name, err := range map[string]error{
		"another capacity": second(mpsync.NewQueue[int](ctx, m, 6, mpsync.Named("q"))),
		"another element":  second(mpsync.NewQueue[uint](ctx, m, 5, mpsync.Named("q"))),
		"another type":     second(mpsync.NewLock(ctx, m, mpsync.Named("q"))),
	} {
		if !errors.Is(err, manager.ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestListSort(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	l := must(mpsync.NewList[string](ctx, h.session()))
	check(t, l.Append(ctx, "pear", "fig", "apple", "date"))
	check(t, l.SortFunc(ctx, func(a, b string) int { return cmp.Compare(len(a), len(b)) }))
	expect(t, "stable by length", must(l.Snapshot(ctx)), []string{"fig", "pear", "date", "apple"})
	meanwhile := 0
	check(t, l.SortFunc(ctx, func(a, b string) int {
		if meanwhile++; meanwhile == 1 {
			check(t, l.Append(ctx, "cherry"))
		}
		return cmp.Compare(a, b)
	}))
	expect(t, "with what came meanwhile", must(l.Snapshot(ctx)), []string{"apple", "cherry", "date", "fig", "pear"})
}

func TestDictOrderAndIteration(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	d := must(mpsync.NewDict[string, []int](ctx, h.session()))
	check(t, d.Set(ctx, "b", []int{2}))
	check(t, d.Set(ctx, "a", nil))
	check(t, d.Set(ctx, "b", []int{3}))
	expect(t, "Keys", must(d.Keys(ctx)), []string{"b", "a"})
	expect(t, "All", maps.Collect(must(d.All(ctx))), map[string][]int{"b": {3}, "a": nil})
	expect(t, "Values", must(d.Values(ctx)), [][]int{{3}, nil})
	kept, present, err := d.Modify(ctx, "a", func(_ []int, found bool) ([]int, bool) { return nil, !found })
	if err != nil || present || kept != nil || must(d.Contains(ctx, "a")) {
		t.Errorf("Modify did not delete: %v, %v", present, err)
	}
	expect(t, "CompareAndDelete", must(d.CompareAndDelete(ctx, "b", []int{3})), true)
	expect(t, "Len", must(d.Len(ctx)), 0)
}

func TestNamespace(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	n := must(mpsync.NewNamespace(ctx, h.session()))
	type point struct{ X, Y int }
	origin := mpsync.Attr[point](n, "origin")
	if _, err := origin.Get(ctx); !errors.Is(err, mpsync.ErrNotFound) {
		t.Errorf("an attribute that is not there: %v", err)
	}
	check(t, origin.Set(ctx, point{1, 2}))
	expect(t, "Get", must(origin.Get(ctx)), point{1, 2})
	check(t, n.Set(ctx, "name", "x"))
	expect(t, "any", must(n.Get(ctx, "name")), any("x"))
	expect(t, "Add", must(mpsync.Attr[int](n, "count").Add(ctx, 3)), 3)
	expect(t, "Names", must(n.Names(ctx)), []string{"origin", "name", "count"})
	check(t, n.Delete(ctx, "name"))
	if err := n.Delete(ctx, "name"); !errors.Is(err, mpsync.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := mpsync.Attr[int](n, "origin").Get(ctx); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("another type: %v", err)
	}
	expect(t, "Snapshot", len(must(n.Snapshot(ctx))), 2)
	lock := must(mpsync.NewLock(ctx, h.session()))
	check(t, n.Set(ctx, "lock", lock))
	if _, err := mpsync.Attr[mpsync.Event](n, "lock").Get(ctx); !errors.Is(err, wire.ErrMalformed) || strings.Contains(err.Error(), "malformed") {
		t.Errorf("another type of object: %v", err)
	}
}

// What is stored in a shared object lives as long as it is there, and no longer.
func TestProxiesInContainers(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.watch // what a process decodes belongs to its first session
	list := must(mpsync.NewList[*mpsync.Value[int]](ctx, m, mpsync.Named("list")))
	dict := must(mpsync.NewDict[string, *mpsync.Value[int]](ctx, m))
	queue := must(mpsync.NewQueue[*mpsync.Value[int]](ctx, m, 0, mpsync.Named("queue")))
	objects := func(n int) {
		t.Helper()
		h.until("the objects are gone that nobody refers to", func(i *manager.Info) bool { return len(i.Objects) == n })
	}
	store := func(n int, put func(v *mpsync.Value[int]) error) {
		v := must(mpsync.NewValue(ctx, m, n))
		check(t, put(v))
		check(t, v.Close())
	}
	store(1, func(v *mpsync.Value[int]) error { return list.Append(ctx, v) })
	store(2, func(v *mpsync.Value[int]) error { return dict.Set(ctx, "x", v) })
	store(3, func(v *mpsync.Value[int]) error { return queue.Put(ctx, v) })
	objects(6)

	theirs := must(mpsync.NewList[*mpsync.Value[int]](ctx, m, mpsync.Named("list")))
	v := must(theirs.Get(ctx, 0))
	check(t, list.Clear(ctx))
	expect(t, "of a list", must(v.Get(ctx)), 1)
	check(t, v.Close())
	objects(5)

	old, _ := must2(dict.Pop(ctx, "x"))
	expect(t, "of a dict", must(old.Get(ctx)), 2)
	check(t, old.Close())
	objects(4)

	q := must(mpsync.NewQueue[*mpsync.Value[int]](ctx, m, 0, mpsync.Named("queue")))
	got := must(q.Get(ctx))
	expect(t, "of a queue", must(got.Get(ctx)), 3)
	check(t, got.Close())
	objects(3)
	store(4, func(v *mpsync.Value[int]) error { return queue.Put(ctx, v) })
	check(t, queue.Proxy.Close())
	check(t, q.Proxy.Close())
	objects(2)
	check(t, theirs.Close())
	defer list.Close()
	defer dict.Close()

	foreign := newHost(t)
	stranger := must(mpsync.NewValue(ctx, foreign.session(), 5))
	if err := list.Append(ctx, stranger); !errors.Is(err, manager.ErrForeignProxy) {
		t.Errorf("stored a proxy of another manager: %v", err)
	}
	if slices.Contains([]int{1}, must(list.Len(ctx))) {
		t.Error("it was stored all the same")
	}
}

// What arrives in a value of type any, wherever it stands, is a proxy that keeps its object and lets it go when it is closed.
func TestProxiesInAny(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.watch
	n := must(mpsync.NewNamespace(ctx, m))
	defer n.Close()
	v, list := must(mpsync.NewValue(ctx, m, 1)), must(mpsync.NewList[int](ctx, m))
	check(t, n.Set(ctx, "box", map[string]any{"value": v, "all": []any{v, list, struct{ Inner any }{list}}}))
	check(t, v.Close())
	check(t, list.Close())
	box := must(n.Get(ctx, "box")).(map[string]any)
	check(t, n.Delete(ctx, "box"))
	h.until("the proxies in the map keep their objects", func(i *manager.Info) bool { return len(i.Objects) == 3 })

	all := box["all"].([]any)
	proxies := []*manager.Proxy{
		box["value"].(*manager.Proxy), all[0].(*manager.Proxy), all[1].(*manager.Proxy), all[2].(map[string]any)["Inner"].(*manager.Proxy),
	}
	value := must(manager.As[mpsync.Value[int]](proxies[0]))
	expect(t, "a value that came in a map", must(value.Get(ctx)), 1)
	if _, err := manager.As[mpsync.Lock](proxies[2]); err == nil || !strings.Contains(err.Error(), "the proxy is for a List") {
		t.Errorf("a list as a lock: %v", err)
	}
	for _, p := range proxies {
		check(t, p.Close())
	}
	h.until("the list is gone", func(i *manager.Info) bool { return len(i.Objects) == 2 })
	expect(t, "after the others are closed", must(value.Get(ctx)), 1)
	if _, err := manager.As[mpsync.Value[int]](proxies[0]); !errors.Is(err, manager.ErrClosed) {
		t.Errorf("of a closed proxy: %v", err)
	}
	check(t, value.Close())
	h.until("the value is gone", func(i *manager.Info) bool { return len(i.Objects) == 1 })
}

// What is deleted is let go of at once, and need not be decoded for that.
func TestDeletedProxies(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what was decoded
	h := newHost(t)
	ctx := t.Context()
	m := h.watch
	n, d := must(mpsync.NewNamespace(ctx, m)), must(mpsync.NewDict[string, any](ctx, m))
	defer n.Close()
	defer d.Close()
	v := must(mpsync.NewValue(ctx, m, 1))
	box := []any{v, map[[1]int]bool{{1}: true}, v} // which is no value of type any, because of the key
	check(t, n.Set(ctx, "box", box))
	check(t, d.Set(ctx, "box", box))
	check(t, v.Close())
	check(t, n.Delete(ctx, "box"))
	check(t, d.Delete(ctx, "box"))
	h.until("the value is gone", func(i *manager.Info) bool { return len(i.Objects) == 2 })
	for _, err := range []error{n.Delete(ctx, "box"), d.Delete(ctx, "box")} {
		if !errors.Is(err, mpsync.ErrNotFound) {
			t.Error(err)
		}
	}
}

// What cannot be asked is not so.
func TestContainersThatCannotBeAsked(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	m := h.session()
	list, set := must(mpsync.NewList[int](ctx, m)), must(mpsync.NewSet[int](ctx, m))
	check(t, list.Close())
	check(t, set.Close())
	for name, ask := range map[string]func() (bool, error){
		"List.Contains":  func() (bool, error) { return list.Contains(ctx, 1) },
		"Set.Contains":   func() (bool, error) { return set.Contains(ctx, 1) },
		"Set.IsSubset":   func() (bool, error) { return set.IsSubset(ctx) },
		"Set.IsSuperset": func() (bool, error) { return set.IsSuperset(ctx) },
		"Set.IsDisjoint": func() (bool, error) { return set.IsDisjoint(ctx) },
	} {
		if so, err := ask(); so || !errors.Is(err, manager.ErrClosed) {
			t.Errorf("%s of a proxy that was closed: %v, %v", name, so, err)
		}
	}
	if i, err := list.Index(ctx, 1); i != -1 || !errors.Is(err, manager.ErrClosed) {
		t.Errorf("List.Index of a proxy that was closed: %d, %v", i, err)
	}
}

// Values are equal when they are encoded the same, also where sets are combined.
func TestSetOfWhatGoDoesNotFindEqual(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	nan := math.NaN()
	set := must(mpsync.NewSet[float64](ctx, h.session()))
	must(set.Add(ctx, 1, nan, nan))
	for name, test := range map[string]struct {
		combine func(context.Context, ...float64) ([]float64, error)
		want    int
	}{
		"Union": {set.Union, 3}, "Intersection": {set.Intersection, 1},
		"Difference": {set.Difference, 1}, "SymmetricDifference": {set.SymmetricDifference, 2},
	} {
		if got := must(test.combine(ctx, nan, 2, nan)); len(got) != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBoundedSemaphoreTravelsAsASemaphore(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	bounded := must(mpsync.NewBoundedSemaphore(ctx, h.session(), 1))
	queue := must(mpsync.NewQueue[*mpsync.Semaphore](ctx, h.session(), 0))
	check(t, queue.Put(ctx, &bounded.Semaphore))
	got := must(queue.Get(ctx))
	if err := got.Release(); !errors.Is(err, mpsync.ErrOverReleased) {
		t.Errorf("released too often: %v", err)
	}
	check(t, got.Close())
}
