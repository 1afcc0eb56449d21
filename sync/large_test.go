package sync_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A container may be larger than a message: it is then read in parts, and asked for as a whole in vain.
func TestContainersLargerThanAMessage(t *testing.T) {
	ctx := t.Context()
	m, err := manager.Start(ctx, &manager.Options{MaxMessage: 64 << 10})
	check(t, err)
	t.Cleanup(func() { check(t, m.Close()) })
	list := must(mpsync.NewList[string](ctx, m))
	dict := must(mpsync.NewDict[int, string](ctx, m))
	piece := strings.Repeat("x", 10<<10)
	for i := range 10 {
		check(t, list.Append(ctx, piece))
		check(t, dict.Set(ctx, i, piece))
	}
	if _, err := list.All(ctx); err == nil || errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("List.All: %v", err)
	}
	if _, err := dict.Snapshot(ctx); err == nil || errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("Dict.Snapshot: %v", err)
	}
	for i := range 10 {
		if part := must(list.Slice(ctx, i, i+1)); len(part) != 1 || part[0] != piece {
			t.Errorf("part %d is %d values", i, len(part))
		}
	}
	for _, key := range must(dict.Keys(ctx)) {
		if v, found, err := dict.Get(ctx, key); err != nil || !found || v != piece {
			t.Errorf("key %d: %v, %v", key, found, err)
		}
	}
}
