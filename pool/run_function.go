package pool

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/multiproc-go/multiproc/wire"
)

// batchRunner is runner for the tasks of a run, one after another, as long as there is a next one. It returns early when
// one panics, which is that task's error.
func batchRunner[A, R any](fn func(context.Context, A) (R, error), args *wire.Codec[A], results *wire.Codec[R]) func(*batch) {
	var call struct {
		arg    A
		result R
	}
	fixedArg, fixedResult := args.Fixed() > 0, results.Fixed()
	return func(b *batch) {
		defer func() {
			call.arg, call.result = *new(A), *new(R)
			if value := recover(); value != nil {
				b.fail(wire.NewPanicError(value))
			}
		}()
		for b.next() {
			encoded, err := b.argument()
			if err == nil && fixedArg {
				call.arg = *(*A)(unsafe.Pointer(&encoded[0]))
			} else if err == nil {
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
			if end := b.used + fixedResult; fixedResult > 0 && end <= len(b.room) {
				*(*R)(unsafe.Pointer(&b.room[b.used])) = call.result
				b.used = end
				continue
			}
			b.succeed(results.Append(b.space(), &call.result))
		}
	}
}

// describeRuns notes how arguments and results of a function stand in runs.
func describeRuns[A, R any](e *entry, args *wire.Codec[A], results *wire.Codec[R]) {
	e.argPacking, e.resultPacking = packing(args.Fixed()), packing(results.Fixed())
	e.unpackArg = func(element []byte) []byte {
		var arg [1]A
		args.CopyFixed(arg[:], element)
		encoded, err := args.Append(nil, &arg[0])
		if err != nil {
			panic(err) // a number always has an encoding
		}
		return encoded
	}
}

// packs reports whether many tasks of a function may travel as one: what is in them needs no care of its own.
func (e *entry) packs() bool { return !e.takes && !e.holds }
