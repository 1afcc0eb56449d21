package sync_test

import (
	"cmp"
	"context"
	"errors"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

func queueCases() []cpythonCase {
	return []cpythonCase{
		{
			name:   "Queue.put_nowait into a full one",
			python: "q = m.Queue(1); q.put(1); q.put_nowait(2)", want: "error: Full",
			differs: "False", why: "TryPut reports it instead",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				q := must(mpsync.NewQueue[int](ctx, m, 1))
				must[any](nil, q.Put(ctx, 1))
				return q.TryPut(ctx, 2)
			},
		},
		{
			name:   "Queue.get_nowait from an empty one",
			python: "m.Queue().get_nowait()", want: "error: Empty",
			differs: "False", why: "TryGet reports it instead",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				_, ok, err := must(mpsync.NewQueue[int](ctx, m, 0)).TryGet(ctx)
				return ok, err
			},
		},
		{
			name:   "Queue in order, with its size",
			python: "q = m.Queue(3); [q.put(i) for i in range(3)]; result = [q.qsize(), q.full(), q.get(), q.get(), q.get(), q.empty()]",
			want:   "[3, True, 0, 1, 2, True]",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				q := must(mpsync.NewQueue[int](ctx, m, 3))
				for i := range 3 {
					must[any](nil, q.Put(ctx, i))
				}
				size := must(q.Len(ctx))
				results := []any{size, size == must(q.Cap(ctx)), must(q.Get(ctx)), must(q.Get(ctx)), must(q.Get(ctx))}
				return append(results, must(q.Len(ctx)) == 0), nil
			},
		},
		{
			name:   "JoinableQueue.task_done once too often",
			python: "q = m.JoinableQueue(); q.put(1); q.get(); q.task_done(); q.task_done()", want: "error: ValueError",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				q := must(mpsync.NewJoinableQueue[int](ctx, m, 0))
				must[any](nil, q.Put(ctx, 1))
				must(q.Get(ctx))
				return nil, errors.Join(q.TaskDone(ctx), q.TaskDone(ctx))
			},
		},
		{
			name:   "JoinableQueue.task_done before a get",
			python: "q = m.JoinableQueue(); q.put(1); q.task_done(); q.join(); result = q.qsize()", want: "1",
			differs: "error: ValueError", why: "an item that nobody has got cannot be done, and Join would return with it in the queue",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				q := must(mpsync.NewJoinableQueue[int](ctx, m, 0))
				must[any](nil, q.Put(ctx, 1))
				return nil, q.TaskDone(ctx)
			},
		},
	}
}

// listCase is a case about a list that begins with some values.
func listCase(name, python, want string, begin []int, ours func(ctx context.Context, l *mpsync.List[int]) (any, error)) cpythonCase {
	return cpythonCase{
		name: name, python: python, want: want,
		ours: func(ctx context.Context, m *manager.Manager) (any, error) {
			l := must(mpsync.NewList[int](ctx, m))
			must[any](nil, l.Append(ctx, begin...))
			return ours(ctx, l)
		},
	}
}

func containerCases() []cpythonCase {
	type list = *mpsync.List[int]
	then := func(ctx context.Context, l list, err error) (any, error) {
		if err != nil {
			return nil, err
		}
		return l.Snapshot(ctx)
	}
	one2three := []int{1, 2, 3}
	return append([]cpythonCase{
		listCase("list.append and extend", "l = m.list(); l.append(1); l.extend([2, 3]); result = l[:]", "[1, 2, 3]", nil,
			func(ctx context.Context, l list) (any, error) {
				return then(ctx, l, errors.Join(l.Append(ctx, 1), l.Append(ctx, 2, 3)))
			}),
		listCase("list[-1]", "result = m.list([1, 2, 3])[-1]", "3", one2three,
			func(ctx context.Context, l list) (any, error) { return l.Get(ctx, -1) }),
		listCase("list[3] of three", "m.list([1, 2, 3])[3]", "error: IndexError", one2three,
			func(ctx context.Context, l list) (any, error) { return l.Get(ctx, 3) }),
		listCase("list[-4] = of three", "m.list([1, 2, 3])[-4] = 0", "error: IndexError", one2three,
			func(ctx context.Context, l list) (any, error) { return nil, l.Set(ctx, -4, 0) }),
		listCase("list slices", "l = m.list([1, 2, 3]); result = [l[1:], l[-2:9], l[2:1]]", "[[2, 3], [2, 3], []]", one2three,
			func(ctx context.Context, l list) (any, error) {
				return []any{must(l.Slice(ctx, 1, 9)), must(l.Slice(ctx, -2, 9)), must(l.Slice(ctx, 2, 1))}, nil
			}),
		listCase("list slice assignment", "l = m.list([1, 2, 3]); l[1:2] = [7, 8]; result = l[:]", "[1, 7, 8, 3]", one2three,
			func(ctx context.Context, l list) (any, error) { return then(ctx, l, l.SetSlice(ctx, 1, 2, 7, 8)) }),
		listCase("del of a slice", "l = m.list([1, 2, 3]); del l[:2]; result = l[:]", "[3]", one2three,
			func(ctx context.Context, l list) (any, error) { return then(ctx, l, l.DeleteSlice(ctx, 0, 2)) }),
		listCase("list.insert(-1)", "l = m.list([1, 2, 3]); l.insert(-1, 9); result = l[:]", "[1, 2, 9, 3]", one2three,
			func(ctx context.Context, l list) (any, error) { return then(ctx, l, l.Insert(ctx, -1, 9)) }),
		listCase("list.insert at the end", "l = m.list([1, 2, 3]); l.insert(3, 9); result = l[:]", "[1, 2, 3, 9]", one2three,
			func(ctx context.Context, l list) (any, error) { return then(ctx, l, l.Insert(ctx, 3, 9)) }),
		listCase("list.pop", "l = m.list([1, 2, 3]); result = [l.pop(-1), l.pop(0), l[:]]", "[3, 1, [2]]", one2three,
			func(ctx context.Context, l list) (any, error) {
				return []any{must(l.Pop(ctx, -1)), must(l.Pop(ctx, 0)), must(l.Snapshot(ctx))}, nil
			}),
		listCase("list.pop of an empty one", "m.list().pop()", "error: IndexError", nil,
			func(ctx context.Context, l list) (any, error) { return l.Pop(ctx, -1) }),
		listCase("list.remove", "l = m.list([1, 2, 1]); l.remove(1); result = l[:]", "[2, 1]", []int{1, 2, 1},
			func(ctx context.Context, l list) (any, error) { return then(ctx, l, l.Remove(ctx, 1)) }),
		listCase("list.index and count", "l = m.list([1, 2, 1]); result = [l.index(1), l.index(1, 1), l.count(1), 5 in l]",
			"[0, 2, 2, False]", []int{1, 2, 1},
			func(ctx context.Context, l list) (any, error) {
				return []any{
					must(l.Index(ctx, 1)), must(l.IndexBetween(ctx, 1, 1, 9)), must(l.Count(ctx, 1)), must(l.Contains(ctx, 5)),
				}, nil
			}),
		listCase("list.reverse and sort", "l = m.list([2, 3, 1]); l.reverse(); a = l[:]; l.sort(); result = [a, l[:]]",
			"[[1, 3, 2], [1, 2, 3]]", []int{2, 3, 1},
			func(ctx context.Context, l list) (any, error) {
				err := l.Reverse(ctx)
				a := must(l.Snapshot(ctx))
				return []any{a, must(then(ctx, l, l.SortFunc(ctx, cmp.Compare[int])))}, err
			}),
		listCase("list *=", "l = m.list([1, 2]); l *= 2; a = l[:]; l *= 0; result = [a, l[:]]", "[[1, 2, 1, 2], []]", []int{1, 2},
			func(ctx context.Context, l list) (any, error) {
				a := must(then(ctx, l, l.Repeat(ctx, 2)))
				return []any{a, must(then(ctx, l, l.Repeat(ctx, 0)))}, nil
			}),
	}, append(dictCases(), setAndValueCases()...)...)
}

func dictCases() []cpythonCase {
	dict := func(name, python, want string, ours func(ctx context.Context, d *mpsync.Dict[string, int]) (any, error)) cpythonCase {
		return cpythonCase{name: name, python: python, want: want, ours: func(ctx context.Context, m *manager.Manager) (any, error) {
			d := must(mpsync.NewDict[string, int](ctx, m))
			must[any](nil, errors.Join(d.Set(ctx, "a", 1), d.Set(ctx, "b", 2)))
			return ours(ctx, d)
		}}
	}
	const begin = "d = m.dict(); d['a'] = 1; d['b'] = 2; "
	type ab = *mpsync.Dict[string, int]
	return []cpythonCase{
		dict("dict keys keep their order", begin+"d['a'] = 3; result = [d.keys(), d.values(), len(d)]", "[['a', 'b'], [3, 2], 2]",
			func(ctx context.Context, d ab) (any, error) {
				err := d.Set(ctx, "a", 3)
				return []any{must(d.Keys(ctx)), must(d.Values(ctx)), must(d.Len(ctx))}, err
			}),
		dict("dict.get and in", begin+"result = [d.get('x'), d.get('a'), 'a' in d]", "[None, 1, True]",
			func(ctx context.Context, d ab) (any, error) {
				_, found, err := d.Get(ctx, "x")
				if found || err != nil {
					return found, err
				}
				value, _, err := d.Get(ctx, "a")
				return []any{nil, value, must(d.Contains(ctx, "a"))}, err
			}),
		dict("del of a key that is not there", begin+"del d['x']", "error: KeyError",
			func(ctx context.Context, d ab) (any, error) { return nil, d.Delete(ctx, "x") }),
		dict("dict.setdefault", begin+"result = [d.setdefault('a', 7), d.setdefault('c', 7), d['c']]", "[1, 7, 7]",
			func(ctx context.Context, d ab) (any, error) {
				a, _ := must2(d.GetOrSet(ctx, "a", 7))
				c, _ := must2(d.GetOrSet(ctx, "c", 7))
				now, _ := must2(d.Get(ctx, "c"))
				return []any{a, c, now}, nil
			}),
		dict("dict.pop", begin+"result = [d.pop('a'), d.pop('a', None), len(d)]", "[1, None, 1]",
			func(ctx context.Context, d ab) (any, error) {
				a, _ := must2(d.Pop(ctx, "a"))
				_, found, err := d.Pop(ctx, "a")
				if found || err != nil {
					return found, err
				}
				return []any{a, nil, must(d.Len(ctx))}, nil
			}),
		dict("dict.popitem is the last", begin+"result = list(d.popitem())", "['b', 2]",
			func(ctx context.Context, d ab) (any, error) {
				k, v, err := d.PopItem(ctx)
				return []any{k, v}, err
			}),
		dict("dict.popitem of an empty one", "m.dict().popitem()", "error: KeyError",
			func(ctx context.Context, d ab) (any, error) {
				must[any](nil, d.Clear(ctx))
				_, _, err := d.PopItem(ctx)
				return nil, err
			}),
		dict("dict.update", begin+"d.update({'b': 5, 'c': 6}); result = [d['a'], d['b'], d['c']]", "[1, 5, 6]",
			func(ctx context.Context, d ab) (any, error) {
				must[any](nil, d.Update(ctx, map[string]int{"b": 5, "c": 6}))
				all := must(d.Snapshot(ctx))
				return []any{all["a"], all["b"], all["c"]}, nil
			}),
	}
}

func setAndValueCases() []cpythonCase {
	// CPython's manager has a set from 3.14 on: these are run against the built-in one.
	set := func(name, python, want string, ours func(ctx context.Context, s *mpsync.Set[int]) (any, error)) cpythonCase {
		return cpythonCase{name: name, python: python, want: want, ours: func(ctx context.Context, m *manager.Manager) (any, error) {
			s := must(mpsync.NewSet[int](ctx, m))
			must(s.Add(ctx, 1, 2, 3))
			return ours(ctx, s)
		}}
	}
	type ints = *mpsync.Set[int]
	return []cpythonCase{
		set("set operations", "s = {1, 2, 3}; result = [sorted(s | {3, 4}), sorted(s & {3, 4}), sorted(s - {3, 4}), sorted(s ^ {3, 4})]",
			"[[1, 2, 3, 4], [3], [1, 2], [1, 2, 4]]",
			func(ctx context.Context, s ints) (any, error) {
				return []any{
					must(s.Union(ctx, 3, 4)), must(s.Intersection(ctx, 3, 4)),
					must(s.Difference(ctx, 3, 4)), must(s.SymmetricDifference(ctx, 3, 4)),
				}, nil
			}),
		set("set relations", "s = {1, 2, 3}; result = [s <= {1, 2, 3, 4}, s >= {1, 4}, s >= {1}, s.isdisjoint({4}), 2 in s]",
			"[True, False, True, True, True]",
			func(ctx context.Context, s ints) (any, error) {
				return []any{
					must(s.IsSubset(ctx, 1, 2, 3, 4)), must(s.IsSuperset(ctx, 1, 4)), must(s.IsSuperset(ctx, 1)),
					must(s.IsDisjoint(ctx, 4)), must(s.Contains(ctx, 2)),
				}, nil
			}),
		set("set updates", "s = {1, 2, 3}; s ^= {3, 4}; a = sorted(s); s &= {1, 4}; s.discard(9); result = [a, sorted(s)]",
			"[[1, 2, 4], [1, 4]]",
			func(ctx context.Context, s ints) (any, error) {
				err := s.Toggle(ctx, 3, 4)
				a := must(s.Snapshot(ctx))
				err = errors.Join(err, s.Retain(ctx, 1, 4))
				must(s.Discard(ctx, 9))
				return []any{a, must(s.Snapshot(ctx))}, err
			}),
		set("set.remove of what is not there", "{1}.remove(2)", "error: KeyError",
			func(ctx context.Context, s ints) (any, error) { return nil, s.Remove(ctx, 9) }),
		set("set.pop of an empty one", "set().pop()", "error: KeyError",
			func(ctx context.Context, s ints) (any, error) {
				must[any](nil, s.Clear(ctx))
				return s.Pop(ctx)
			}),
		{
			name: "Value", python: "v = m.Value('i', 1); v.value = 5; result = v.value", want: "5",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				v := must(mpsync.NewValue(ctx, m, 1))
				must[any](nil, v.Set(ctx, 5))
				return v.Get(ctx)
			},
		},
		{
			name: "Array", python: "a = m.Array('i', [1, 2, 3]); a[0] = 9; result = [a[0], len(a), list(a[1:])]", want: "[9, 3, [2, 3]]",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				a := must(mpsync.NewArray(ctx, m, []int{1, 2, 3}))
				must[any](nil, a.Set(ctx, 0, 9))
				return []any{must(a.Get(ctx, 0)), must(a.Len(ctx)), must(a.Slice(ctx, 1, 3))}, nil
			},
		},
		{
			name: "Namespace", python: "n = m.Namespace(); n.x = 10; n.y = 'hello'; a = [n.x, n.y]; del n.y; result = a + [hasattr(n, 'y')]",
			want: "[10, 'hello', False]",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				n := must(mpsync.NewNamespace(ctx, m))
				x, y := mpsync.Attr[int](n, "x"), mpsync.Attr[string](n, "y")
				must[any](nil, errors.Join(x.Set(ctx, 10), y.Set(ctx, "hello")))
				a := []any{must(x.Get(ctx)), must(y.Get(ctx))}
				err := y.Delete(ctx)
				_, missing := y.Get(ctx)
				return append(a, !errors.Is(missing, mpsync.ErrNotFound)), err
			},
		},
		{
			name: "an attribute that is not there", python: "m.Namespace().x", want: "error: AttributeError",
			differs: "error: KeyError", why: "there is one error for what is not there",
			ours: func(ctx context.Context, m *manager.Manager) (any, error) {
				return must(mpsync.NewNamespace(ctx, m)).Get(ctx, "x")
			},
		},
	}
}
