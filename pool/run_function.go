package pool

import (
	"context"
	"fmt"

	"github.com/multiproc-go/multiproc/wire"
)

// batchRunner is runner for the tasks of a run, one after another, as long as there is a next one. It returns early when
// one panics, which is that task's error.
func batchRunner[A, R any](fn func(context.Context, A) (R, error), args *wire.Codec[A], results *wire.Codec[R]) func(*batch) {
	var call struct {
		arg    A
		result R
	}
	return func(b *batch) {
		defer func() {
			call.arg, call.result = *new(A), *new(R)
			if value := recover(); value != nil {
				b.fail(wire.NewPanicError(value))
			}
		}()
		for b.next() {
			encoded, err := b.argument()
			if err == nil {
				err = args.Decode(encoded, &call.arg)
			}
			if err != nil {
				b.fail(fmt.Errorf("pool: the worker cannot decode the argument: %w", err))
				continue
			}
			if call.result, err = fn(b.context, call.arg); err != nil {
				b.fail(err)
				continue
			}
			b.succeed(results.Append(b.space(), &call.result))
		}
	}
}

// packs reports whether many tasks of a function may travel as one: what is in them needs no care of its own.
func (e *entry) packs() bool { return !e.takes && !e.holds }
