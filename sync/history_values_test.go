package sync_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"pgregory.net/rapid"

	mpsync "github.com/multiproc-go/multiproc/sync"
)

// dictModel is for a Dict of numbers; a.argument is the key and what is put there is the number of the call.
func dictModel() model[map[int]int] {
	return model[map[int]int]{map[int]int{}, func(s map[int]int, a action) []map[int]int {
		s = maps.Clone(s)
		if a.kind == ends {
			return []map[int]int{s}
		}
		key, value := a.argument, int(a.call)
		old, found := s[key]
		result, ok := old, found
		switch a.kind {
		case "set":
			s[key], result, ok = value, 0, false
		case "swap":
			s[key] = value
		case "getorset":
			if !found {
				s[key], result = value, value
			}
		case "pop":
			delete(s, key)
		case "add", "modify":
			s[key]++
			result, ok = s[key], true
		}
		if !a.lost && (a.err != nil || a.result != result || a.ok != ok) {
			return nil
		}
		return []map[int]int{s}
	}}
}

func followDict(p *player, d *mpsync.Dict[int, int], s step) {
	p.do(s, func(ctx context.Context, a *action) (err error) {
		key, value := s.argument, int(a.call)
		switch s.kind {
		case "set":
			return d.Set(ctx, key, value)
		case "swap":
			a.result, a.ok, err = d.Swap(ctx, key, value)
		case "getorset":
			a.result, a.ok, err = d.GetOrSet(ctx, key, value)
		case "pop":
			a.result, a.ok, err = d.Pop(ctx, key)
		case "add":
			a.ok = true
			a.result, err = d.Add(ctx, key, 1)
		case "modify":
			a.result, a.ok, err = d.Modify(ctx, key, func(old int, _ bool) (int, bool) { return old + 1, true })
		default:
			a.result, a.ok, err = d.Get(ctx, key)
		}
		return err
	})
}

func TestHistoriesOfDicts(t *testing.T) {
	s := newStage(t)
	rapid.Check(t, func(t *rapid.T) {
		checkExplained(t, dictModel(), s.perform(t, play{
			scripts: drawScripts(t, 4, 6, 2, "set", "swap", "getorset", "pop", "add", "modify", "get"),
			prepare: func(ctx context.Context, p *player) (func(step), error) {
				d, err := mpsync.NewDict[int, int](ctx, p.m, mpsync.Named("dict"))
				return func(s step) { followDict(p, d, s) }, err
			},
			last: []step{{kind: "get", argument: 1}, {kind: "get", argument: 2}},
		}))
	})
}

func valueModel() model[int] {
	return model[int]{0, func(s int, a action) []int {
		result, ok := s, false
		switch a.kind {
		case "set":
			s, result = int(a.call), 0
		case "swap":
			s = int(a.call)
		case "add", "modify":
			s++
			result = s
		case "cas":
			result = 0
			if ok = s == a.argument; ok {
				s = 1
			}
		}
		if a.kind != ends && !a.lost && (a.err != nil || a.result != result || a.ok != ok) {
			return nil
		}
		return []int{s}
	}}
}

func TestHistoriesOfValues(t *testing.T) {
	s := newStage(t)
	rapid.Check(t, func(t *rapid.T) {
		checkExplained(t, valueModel(), s.perform(t, play{
			scripts: drawScripts(t, 4, 6, 2, "set", "swap", "add", "modify", "cas", "cas", "get"),
			prepare: func(ctx context.Context, p *player) (func(step), error) {
				v, err := mpsync.NewValue(ctx, p.m, 0, mpsync.Named("value"))
				return func(s step) {
					p.do(s, func(ctx context.Context, a *action) (err error) {
						switch s.kind {
						case "set":
							return v.Set(ctx, int(a.call))
						case "swap":
							a.result, err = v.Swap(ctx, int(a.call))
						case "add":
							a.result, err = v.Add(ctx, 1)
						case "modify":
							a.result, err = v.Modify(ctx, func(old int) int { return old + 1 })
						case "cas":
							a.ok, err = v.CompareAndSwap(ctx, s.argument, 1)
						default:
							a.result, err = v.Get(ctx)
						}
						return err
					})
				}, err
			},
			last: []step{{kind: "get"}},
		}))
	})
}

func TestHistoriesOfEvents(t *testing.T) {
	s := newStage(t)
	event := model[bool]{false, func(set bool, a action) []bool {
		switch {
		case a.kind == "set":
			set = true
		case a.kind == "clear":
			set = false
		case a.kind == "wait" && !set, a.kind == "isset" && !a.lost && a.ok != set, a.err != nil && !a.lost:
			return nil
		}
		return []bool{set}
	}}
	rapid.Check(t, func(t *rapid.T) {
		checkExplained(t, event, s.perform(t, play{
			scripts: drawScripts(t, 4, 6, 1, "set", "clear", "wait", "wait", "isset"),
			prepare: func(ctx context.Context, p *player) (func(step), error) {
				e, err := mpsync.NewEvent(ctx, p.m, mpsync.Named("event"))
				return func(s step) {
					p.do(s, func(ctx context.Context, a *action) (err error) {
						switch s.kind {
						case "set":
							return e.Set(ctx)
						case "clear":
							return e.Clear(ctx)
						case "wait":
							return e.Wait(ctx)
						}
						a.ok, err = e.IsSet(ctx)
						return err
					})
				}, err
			},
			free: []step{{kind: "set"}},
			last: []step{{kind: "isset"}},
		}))
	})
}

func TestHistoriesOfBarriers(t *testing.T) {
	s := newStage(t)
	rapid.Check(t, func(t *rapid.T) {
		parties := rapid.IntRange(1, 3).Draw(t, "parties")
		all := s.perform(t, play{
			scripts: drawScripts(t, 4, 4, 1, "wait"),
			prepare: func(ctx context.Context, p *player) (func(step), error) {
				b, err := mpsync.NewBarrier(ctx, p.m, parties, mpsync.Named("barrier"))
				return func(s step) {
					p.do(s, func(ctx context.Context, a *action) (err error) {
						switch s.kind {
						case "wait":
							a.result, err = b.Wait(ctx)
						case "abort":
							return b.Abort(ctx)
						case "reset":
							return b.Reset(ctx)
						case "waiting":
							a.result, err = b.Waiting(ctx)
						}
						return err
					})
				}, err
			},
			free: []step{{kind: "abort"}},
			last: []step{{kind: "reset"}, {kind: "waiting"}},
		})
		checkBarrier(t, all, parties)
	})
}

// checkBarrier checks that parties have passed in full rounds, but for those who did not hear of it, and nobody after
// somebody was told that the barrier is broken.
func checkBarrier(t *rapid.T, all []action, parties int) {
	passed, lost := make([]int, parties), 0
	for _, a := range all {
		switch {
		case a.lost:
			lost++
		case a.kind == "waiting" && a.result != 0:
			t.Errorf("%d wait at the end", a.result)
		case a.kind == "wait" && a.err == nil && !a.gaveUp:
			if a.result < 0 || a.result >= parties {
				t.Fatalf("%v: no such place", a)
			}
			passed[a.result]++
		case a.err != nil && !errors.Is(a.err, mpsync.ErrBroken):
			t.Errorf("%v", a)
		}
		for _, b := range all {
			if errors.Is(a.err, mpsync.ErrBroken) && b.call > a.ret && b.kind == "wait" && b.err == nil && !b.lost && !b.gaveUp {
				t.Errorf("%v passed after %v", b, a)
			}
		}
	}
	low, high := passed[0], passed[0]
	for _, n := range passed {
		low, high = min(low, n), max(high, n)
	}
	if high-low > lost {
		t.Errorf("so many passed in each place: %d, and %d did not hear; all: %v", passed, lost, all)
	}
}
