package finalize

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHooksRunInOrder(t *testing.T) {
	var (
		h hooks
		j journal
	)
	failure := errors.New("failure")
	h.add("first", j.noting("first", failure))
	h.add("second", func(context.Context) error { panic("no") })
	h.add("third", j.noting("third", nil))
	err := h.run(t.Context())
	j.check(t, "first", "third")
	var panicked *PanicError
	if !errors.Is(err, failure) || !errors.As(err, &panicked) {
		t.Fatalf("error is %v", err)
	}
	want := "after-fork hook first: failure\nafter-fork hook second: panic: no"
	if err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}

func TestHookThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hooks
		release := make(chan struct{})
		defer close(release)
		h.add("hanging", hanging(release))
		h.add("rest", func(context.Context) error {
			t.Error("called after the context has ended")
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := h.run(ctx)
		if !errors.Is(err, ErrAbandoned) || !strings.Contains(err.Error(), "hook rest: not called") {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(began); took != time.Second+returnTime {
			t.Errorf("took %v", took)
		}
	})
}
