package manager

import (
	"context"
	"fmt"
	"sync"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// An Initializer is a registered function with its argument, to run in a manager's process before the first client.
type Initializer struct {
	name     string
	argument []byte
}

// An InitializerFunc is a function registered to become an Initializer.
type InitializerFunc[A any] struct {
	name  string
	codec *wire.Codec[A]
}

// With returns the Initializer that calls the function with arg, which is encoded at once. It panics when arg cannot be
// encoded.
func (f *InitializerFunc[A]) With(arg A) *Initializer {
	encoded, err := f.codec.Append(nil, &arg)
	if err != nil {
		panic(fmt.Sprintf("manager: initializer %s: cannot encode the argument: %v", f.name, err))
	}
	return &Initializer{name: f.name, argument: encoded}
}

// initializers is filled while packages initialise and only read afterwards.
var initializers = struct {
	mu     sync.Mutex // guards byName
	byName map[string]func(context.Context, *Manager, []byte) error
}{byName: map[string]func(context.Context, *Manager, []byte) error{}}

// RegisterInitializer makes fn known to manager processes under its own name. It must be called while packages
// initialise and panics afterwards, where fn has no name of its own (see spawn.FunctionName), and when arguments of its
// type cannot be encoded.
//
// In the manager's process fn gets a session, over which it may create objects; those that nobody else refers to when it
// returns have to be pinned. Its context ends with the manager, so what it starts may live as long. Its error, a panic or
// runtime.Goexit makes the start fail.
func RegisterInitializer[A any](fn func(context.Context, *Manager, A) error) *InitializerFunc[A] {
	spawn.MustRegister("manager.RegisterInitializer")
	name, err := spawn.FunctionName(fn)
	if err != nil {
		panic("manager.RegisterInitializer: " + err.Error())
	}
	codec, err := wire.CodecOf[A]()
	if err != nil {
		panic(fmt.Sprintf("manager.RegisterInitializer(%s): argument: %v", name, err))
	}
	initializers.mu.Lock()
	defer initializers.mu.Unlock()
	if _, taken := initializers.byName[name]; taken {
		panic("manager.RegisterInitializer: " + name + " is registered twice")
	}
	initializers.byName[name] = func(ctx context.Context, m *Manager, encoded []byte) error {
		var arg A
		if err := codec.Decode(encoded, &arg); err != nil {
			return fmt.Errorf("decode the argument: %w", err)
		}
		return fn(ctx, m, arg)
	}
	return &InitializerFunc[A]{name: name, codec: codec}
}

// initialize runs the initializer of a server. One that ends its goroutine, which is the main one, has leave called.
func (s *Server) initialize(with *setup, leave func(error)) error {
	name := with.Initializer
	if name == "" {
		return nil
	}
	initializers.mu.Lock()
	fn := initializers.byName[name]
	initializers.mu.Unlock()
	if fn == nil {
		return fmt.Errorf("manager: initializer %s is not registered in the manager's process: "+
			"register it in a package-level variable", name)
	}
	m, err := s.Manager(s.ctx)
	if err != nil {
		return err
	}
	err = callInitializer(func() error { return fn(s.ctx, m, with.Argument) }, func() {
		leave(fmt.Errorf("manager: initializer %s ended its goroutine by runtime.Goexit", name))
	})
	if err != nil {
		return fmt.Errorf("manager: initializer %s: %w", name, err)
	}
	return m.Close()
}

// callInitializer is the boundary at which panics stop. It calls exited if fn ends the goroutine.
func callInitializer(fn func() error, exited func()) (err error) {
	returned := false
	defer func() {
		if recovered := recover(); recovered != nil {
			err = wire.NewPanicError(recovered)
		} else if !returned {
			exited()
		}
	}()
	err = fn()
	returned = true
	return err
}
