package pool

import (
	"context"
	"fmt"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// Initializer is a registered function with its argument, to run in each worker before its first task.
type Initializer struct {
	name     string
	argument []byte
}

// InitializerFunc is a function registered to become an Initializer.
type InitializerFunc[A any] struct {
	name  string
	codec *wire.Codec[A]
}

// With returns the Initializer that calls the function with arg, which is encoded at once. It panics when arg
// cannot be encoded.
func (f *InitializerFunc[A]) With(arg A) *Initializer {
	encoded, err := f.codec.Append(nil, &arg)
	if err != nil {
		panic(fmt.Sprintf("pool: initializer %s: cannot encode the argument: %v", f.name, err))
	}
	return &Initializer{name: f.name, argument: encoded}
}

// initializers holds what RegisterInitializer was given, by name.
var initializers = struct {
	mu     stdsync.Mutex
	byName map[string]func(context.Context, []byte) error
}{byName: map[string]func(context.Context, []byte) error{}}

// RegisterInitializer makes fn known to workers under its own name. What is said of Register holds here. The
// context that fn gets ends when the worker does, so what fn starts may live as long.
func RegisterInitializer[A any](fn func(context.Context, A) error) *InitializerFunc[A] {
	spawn.MustRegister("pool.RegisterInitializer")
	name, err := spawn.FunctionName(fn)
	if err != nil {
		panic("pool.RegisterInitializer: " + err.Error())
	}
	codec, err := wire.CodecOf[A]()
	if err != nil {
		panic(fmt.Sprintf("pool.RegisterInitializer(%s): argument: %v", name, err))
	}
	initializers.mu.Lock()
	defer initializers.mu.Unlock()
	if _, taken := initializers.byName[name]; taken {
		panic(fmt.Sprintf("pool.RegisterInitializer: %q is registered already", name))
	}
	initializers.byName[name] = func(ctx context.Context, encoded []byte) error {
		var arg A
		if err := codec.Decode(encoded, &arg); err != nil {
			return fmt.Errorf("cannot decode the argument: %w", err)
		}
		return fn(ctx, arg)
	}
	return &InitializerFunc[A]{name: name, codec: codec}
}

// initialize runs the initializer that the pool was given, in the worker. One that ends its goroutine, which is the main one,
// has leave called.
func initialize(ctx context.Context, s *setup, leave func(error)) (err error) {
	if s.Initializer == "" {
		return nil
	}
	initializers.mu.Lock()
	fn := initializers.byName[s.Initializer]
	initializers.mu.Unlock()
	if fn == nil {
		return fmt.Errorf("pool: initializer %s is not registered in the worker: register it in a package-level variable", s.Initializer)
	}
	returned := false
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("pool: initializer %s: %w", s.Initializer, wire.NewPanicError(value))
		} else if !returned {
			leave(fmt.Errorf("pool: initializer %s ended its goroutine by runtime.Goexit", s.Initializer))
		}
	}()
	err = fn(ctx, s.Argument)
	returned = true
	if err != nil {
		return fmt.Errorf("pool: initializer %s: %w", s.Initializer, err)
	}
	return nil
}
