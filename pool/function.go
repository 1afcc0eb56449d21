package pool

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	stdsync "sync"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// Function is a function that workers can run: the handle by which its caller names it. It is made by
// Register, holds nothing of a pool, and is safe for concurrent use.
type Function[A, R any] struct {
	entry      *entry
	codecs     *codecs[A, R]
	timeout    time.Duration // 0: the pool's
	onProgress func(index int, p Progress)

	idempotent bool   // its tasks may run more than once
	retry      *Retry // nil: the pool's
	fault      error  // of retry
}

// Register makes fn known to workers under its own qualified name and returns the handle to call it by.
// Call it while packages initialise, as the value of a package-level variable:
//
//	var thumbnail = pool.Register(makeThumbnail)
//
// A worker is this same binary started again, so it registers the same functions before it is asked for any.
// Register panics when it is called later, when a function of that name is there already, when A or R is a
// type that cannot cross processes (a channel, a function, a struct with unexported fields alone), and when fn
// has no name of its own: an instance of a generic function, a method value or a closure needs RegisterNamed. Types
// are looked at in the program's first process; a child, which is the same binary, does so when it first uses the function.
//
// The context that fn gets is cancelled when the task is cancelled, passes its deadline, or the worker is told
// to go. A panic in fn is the task's error, a *RemoteError with the stack.
func Register[A, R any](fn func(context.Context, A) (R, error)) *Function[A, R] {
	name, err := spawn.FunctionName(fn)
	if err != nil {
		panic("pool.Register: " + err.Error())
	}
	return register("pool.Register", name, fn)
}

// RegisterNamed is Register under a name of the caller's choice, which must be unique in the program.
func RegisterNamed[A, R any](name string, fn func(context.Context, A) (R, error)) *Function[A, R] {
	if name == "" || fn == nil {
		panic("pool.RegisterNamed: needs a name and a function")
	}
	return register("pool.RegisterNamed", name, fn)
}

// register makes fn known, for the function of the package that is called what.
func register[A, R any](what, name string, fn func(context.Context, A) (R, error)) *Function[A, R] {
	spawn.MustRegister(what)
	e, c := &entry{name: name}, &codecs[A, R]{}
	e.complete = stdsync.OnceFunc(func() { c.make(e, fn) })
	if !spawn.IsChild() {
		e.complete()
	}
	functions.add(e)
	return &Function[A, R]{entry: e, codecs: c}
}

// codecs are those of a function, once its entry is complete.
type codecs[A, R any] struct {
	args    *wire.Codec[A]
	results *wire.Codec[R]
}

// make completes an entry. It panics where A or R cannot cross processes.
func (c *codecs[A, R]) make(e *entry, fn func(context.Context, A) (R, error)) {
	var err error
	if c.args, err = wire.CodecOf[A](); err != nil {
		panic(fmt.Sprintf("pool.Register(%s): argument: %v", e.name, err))
	}
	if c.results, err = wire.CodecOf[R](); err != nil {
		panic(fmt.Sprintf("pool.Register(%s): result: %v", e.name, err))
	}
	e.takes, e.holds = c.args.MayHoldProxy(), c.results.MayHoldProxy()
	e.run, e.runAll = runner(fn, c.args, c.results), batchRunner(fn, c.args, c.results)
	describeRuns(e, c.args, c.results)
}

// Name returns the name under which the function was registered.
func (f *Function[A, R]) Name() string { return f.entry.name }

// WithTimeout returns a handle for the same function whose tasks have a deadline of their own in place of
// the pool's TaskTimeout: they may run for d. Zero means the pool's; a negative d means none.
func (f *Function[A, R]) WithTimeout(d time.Duration) *Function[A, R] {
	g := *f
	g.timeout = d
	return &g
}

// entry is a registered function as the worker sees it. To look at its types takes longer than all else that is done with
// it while packages initialise, and a worker seldom runs every function: there it is complete when it is first used. That its
// types can cross processes was found out in the program's first process.
type entry struct {
	name     string
	index    uint32 // its place in the sorted table; the function's name in task records
	complete func() // sets the fields below, once

	takes                     bool // its arguments may hold proxies
	holds                     bool // its results may hold proxies
	run                       func(ctx context.Context, arg, out []byte) (result []byte, raw bool, err error)
	runAll                    func(*batch)
	argPacking, resultPacking packing                     // in runs
	unpackArg                 func(element []byte) []byte // makes of a number in a run an argument that travels alone
}

// runner decodes an argument, calls fn and encodes what it returns, appended to out. The argument is not
// kept. Large bytes are returned raw, without their encoding. A panic in fn is returned as a *wire.PanicError. A worker runs one task at a time, so the two values
// have one place for all calls; nothing of them is kept between calls.
func runner[A, R any](fn func(context.Context, A) (R, error), args *wire.Codec[A], results *wire.Codec[R],
) func(context.Context, []byte, []byte) ([]byte, bool, error) {
	var call struct {
		arg    A
		result R
	}
	return func(ctx context.Context, encoded, out []byte) (_ []byte, raw bool, err error) {
		defer func() {
			call.arg, call.result = *new(A), *new(R)
			if value := recover(); value != nil {
				err = wire.NewPanicError(value)
			}
		}()
		if err := args.Decode(encoded, &call.arg); err != nil {
			return out, false, fmt.Errorf("pool: the worker cannot decode the argument: %w", err)
		}
		if call.result, err = fn(ctx, call.arg); err != nil {
			return out, false, err
		}
		if b, ok := results.Bytes(&call.result); ok && len(b) > rawLeast {
			return b, true, nil
		}
		before := len(out)
		out, err = results.Append(out, &call.result)
		if err == nil && results.MayHoldProxy() {
			out, err = dispatchResult(ctx, out, before)
		}
		if err != nil {
			return out, false, fmt.Errorf("pool: the worker cannot encode the result: %w", err)
		}
		return out, false, nil
	}
}

// dispatchResult keeps the objects alive whose proxies are in the result that out ends with, until the parent has decoded
// it, even if this process dies before that.
func dispatchResult(ctx context.Context, out []byte, start int) ([]byte, error) {
	marked, err := wire.Dispatch(ctx, out[start:])
	if err != nil || len(marked) == len(out)-start { // it has no proxies
		return out, err
	}
	return append(out[:start], marked...), nil
}

// discardResult lets go of what was dispatched with a result that nobody will decode.
func discardResult(e *entry, encoded []byte) {
	if !e.holds {
		return
	}
	if tokens, err := wire.FindTokens(encoded); err == nil { // else there was nothing to dispatch
		wire.Release(tokens)
	}
}

// table holds the registered functions of the program. A function's index is its place among the sorted
// names, the same in every process of one binary; digest lets a worker prove that.
type table struct {
	once stdsync.Once

	mu     stdsync.Mutex // guards the fields below until once has run; they are constant from then on
	byName map[string]*entry
	sorted []*entry
	digest [sha256.Size]byte
}

var functions = &table{byName: map[string]*entry{}}

func (t *table) add(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sorted != nil {
		panic("pool.Register: a pool was made already; register functions in package-level variables")
	}
	if _, taken := t.byName[e.name]; taken {
		panic(fmt.Sprintf("pool.Register: a function named %q is registered already; give this one a name of its own with pool.RegisterNamed", e.name))
	}
	t.byName[e.name] = e
}

// seal sorts the table at its first use.
func (t *table) seal() {
	t.once.Do(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, e := range t.byName {
			t.sorted = append(t.sorted, e)
		}
		slices.SortFunc(t.sorted, func(a, b *entry) int {
			if a.name < b.name {
				return -1
			}
			return 1
		})
		hash := sha256.New()
		for i, e := range t.sorted {
			e.index = uint32(i)
			hash.Write(binary.BigEndian.AppendUint32(nil, uint32(len(e.name))))
			hash.Write([]byte(e.name))
		}
		hash.Sum(t.digest[:0])
	})
}

// named returns the function of a name, complete, or nil when there is none.
func (t *table) named(name string) *entry {
	t.mu.Lock()
	e := t.byName[name]
	t.mu.Unlock()
	if e != nil {
		e.complete()
	}
	return e
}

// lookup returns the function of an index, complete, or nil when there is none. The table must be sealed.
func (t *table) lookup(index uint32) *entry {
	if int(index) >= len(t.sorted) {
		return nil
	}
	e := t.sorted[index]
	e.complete()
	return e
}
