package sync_test

import (
	"context"
	"testing"

	mpsync "github.com/multiproc-go/multiproc/sync"
)

// What nobody has made, such as a field of a struct that was left out, is an error in every call and not a crash.
func TestZeroProxies(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var (
		queue    mpsync.Queue[int]
		joinable mpsync.JoinableQueue[int]
		list     mpsync.List[int]
		array    mpsync.Array[int]
		dict     mpsync.Dict[string, int]
		set      mpsync.Set[int]
		value    mpsync.Value[int]
		lock     mpsync.Lock
		space    mpsync.Namespace
	)
	for name, call := range map[string]func() error{
		"Queue.Put":         func() error { return queue.Put(ctx, 1) },
		"Queue.TryPut":      func() error { _, err := queue.TryPut(ctx, 1); return err },
		"Queue.Get":         func() error { _, err := queue.Get(ctx); return err },
		"JoinableQueue.Put": func() error { return joinable.Put(ctx, 1) },
		"List.Append":       func() error { return list.Append(ctx, 1, 2) },
		"List.Set":          func() error { return list.Set(ctx, 0, 1) },
		"List.Modify":       func() error { _, err := list.Modify(ctx, 0, func(n int) int { return n }); return err },
		"Array.Add":         func() error { _, err := array.Add(ctx, 0, 1); return err },
		"Dict.Set":          func() error { return dict.Set(ctx, "a", 1) },
		"Dict.Get":          func() error { _, _, err := dict.Get(ctx, "a"); return err },
		"Dict.Add":          func() error { _, err := dict.Add(ctx, "a", 1); return err },
		"Dict.Update":       func() error { return dict.Update(ctx, map[string]int{"a": 1}) },
		"Set.Add":           func() error { _, err := set.Add(ctx, 1); return err },
		"Value.Set":         func() error { return value.Set(ctx, 1) },
		"Value.Get":         func() error { _, err := value.Get(ctx); return err },
		"Value.Add":         func() error { _, err := value.Add(ctx, 1); return err },
		"Lock.Acquire":      func() error { _, err := lock.Acquire(ctx); return err },
		"Attribute.Set":     func() error { return mpsync.Attr[int](&space, "a").Set(ctx, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := call(); err == nil {
				t.Error("no error")
			}
		})
	}
}
