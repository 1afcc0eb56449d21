package finalize

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// AfterFork adds a hook that [RunAfterFork] calls, in the order in which they
// were added. The name is for messages. It is usually called while packages
// initialise, does not block, and panics when fn is nil.
func AfterFork(name string, fn func(context.Context) error) { afterFork.add(name, fn) }

// RunAfterFork calls the hooks, one after the other, and returns their errors
// joined, each with the hook's name. One that fails or panics (a [*PanicError])
// does not keep the rest from running. Package spawn calls it in each child
// process, before the child's own code runs.
//
// Once ctx has ended, a hook that has not returned shortly after (50 ms) is left
// running with [ErrAbandoned], and the rest are not called but reported with
// ctx's cause.
func RunAfterFork(ctx context.Context) error { return afterFork.run(ctx) }

// hooks are functions with names, in the order of their registration.
type hooks struct {
	mu   sync.Mutex // guards the fields below
	list []hook
}

type hook struct {
	name string
	fn   func(context.Context) error
}

var afterFork hooks

func (h *hooks) add(name string, fn func(context.Context) error) {
	if fn == nil {
		panic(fmt.Sprintf("finalize: AfterFork(%q) with a nil function", name))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, hook{name: name, fn: fn})
}

func (h *hooks) run(ctx context.Context) error {
	h.mu.Lock()
	list := slices.Clone(h.list)
	h.mu.Unlock()

	var errs []error
	for _, hook := range list {
		if err := hook.run(ctx); err != nil {
			errs = append(errs, fmt.Errorf("after-fork hook %s: %w", hook.name, err))
		}
	}
	return errors.Join(errs...)
}

func (h hook) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("not called: %w", context.Cause(ctx))
	}
	err, came := await(ctx, start(ctx, h.fn))
	if !came {
		return abandoned(ctx)
	}
	return err
}
