package spawn

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/multiproc-go/multiproc/wire"
)

// functionRole is the role in which registered functions run.
const functionRole = "multiproc/function"

func init() { RegisterRole(functionRole, runFunction) }

// functions is filled while packages initialise and only read afterwards.
var functions = struct {
	mu    sync.Mutex // guards table
	table map[string]decodable
}{table: map[string]decodable{}}

// decodable makes a call of a registered function out of its encoded argument.
type decodable func(ctx context.Context, encoded []byte) (call func(context.Context) error, err error)

// An Entry is a registered function: an entry into the program for a process of its own. It is safe for concurrent use.
type Entry[A any] struct {
	name  string
	codec func() (*wire.Codec[A], error)
}

// Register makes fn an entry, under the name that FunctionName gives it. It must be called while packages initialise, as
// the value of a package-level variable, and panics afterwards; it panics as well where fn has no name of its own (see
// FunctionName) or is registered already.
//
// In the child fn runs on the main goroutine; its context ends when the parent is lost, asks the child to stop, or a
// signal arrives (see Draining). From then on the child has Options.Grace. Its exit status is what Main would make of
// fn's error; a panic is not recovered.
//
// The argument goes through wire.CodecOf, which refuses, at the first Start, types that cannot be encoded.
func Register[A any](fn func(context.Context, A) error) *Entry[A] {
	name, err := FunctionName(fn)
	if err != nil {
		panic("spawn.Register: " + err.Error())
	}
	return RegisterNamed(name, fn)
}

// RegisterNamed is Register under a name of the caller's choice, for functions that have none of their own: instances of
// generic functions, method values, and closures made by another function.
func RegisterNamed[A any](name string, fn func(context.Context, A) error) *Entry[A] {
	MustRegister("spawn.Register")
	if name == "" || fn == nil {
		panic("spawn.Register: an entry needs a name and a function")
	}
	e := &Entry[A]{name: name, codec: sync.OnceValues(wire.CodecOf[A])}
	functions.mu.Lock()
	defer functions.mu.Unlock()
	if _, taken := functions.table[name]; taken {
		panic("spawn.Register: " + name + " is registered twice")
	}
	functions.table[name] = func(ctx context.Context, encoded []byte) (func(context.Context) error, error) {
		arg, err := e.decode(ctx, encoded)
		return func(ctx context.Context) error { return fn(ctx, arg) }, err
	}
	return e
}

// Name returns the name under which the function is registered.
func (e *Entry[A]) Name() string { return e.name }

// Start runs the function in a new process, with arg as its argument, and returns when the child has decoded that and is
// about to call the function. ctx bounds the start alone. Proxies in arg are held until the child has its own
// references, and pipe ends in it become the child's (see Pipe).
//
// Start is safe for concurrent use. It returns ErrNotInitialized, ErrEnding, an error that names every fault of o, an
// error of the encoding of arg, or a *StartError, of which each wraps manager.ErrManagerLost where a proxy in arg has lost its
// manager, here or in the child; in each case no process is left, and what is in arg is still the
// caller's.
func (e *Entry[A]) Start(ctx context.Context, arg A, o *Options) (*Process, error) {
	if !initialised.Load() {
		return nil, ErrNotInitialized
	}
	codec, err := e.codec()
	if err != nil {
		return nil, fmt.Errorf("spawn: start %s: %w", e.name, err)
	}
	value, err := codec.Append(nil, &arg)
	if err != nil {
		return nil, fmt.Errorf("spawn: start %s: encode the argument: %w", e.name, err)
	}
	release, err := holdTokens(ctx, codec.MayHoldProxy(), value)
	if err != nil {
		return nil, fmt.Errorf("spawn: start %s: proxies in the argument: %w", e.name, err)
	}
	defer release()
	moving, err := moveEnds(value)
	if err != nil {
		return nil, fmt.Errorf("spawn: start %s: %w", e.name, err)
	}
	encoded, err := (&argument{Function: e.name, Ends: moving.ids, Value: value}).MarshalMsg(nil)
	if err != nil {
		moving.stay()
		return nil, fmt.Errorf("spawn: start %s: encode the argument: %w", e.name, err)
	}
	p, err := start(ctx, functionRole, shortName(e.name), encoded, moving.files, o)
	if err != nil {
		moving.stay()
		return nil, err
	}
	moving.leave()
	return p, nil
}

// decode is Start's counterpart in the child.
func (e *Entry[A]) decode(ctx context.Context, encoded []byte) (arg A, err error) {
	codec, err := e.codec()
	if err != nil {
		return arg, err
	}
	if codec.MayHoldProxy() {
		tokens, err := wire.FindTokens(encoded)
		if err != nil {
			return arg, err
		}
		if err := wire.Adopt(ctx, tokens); err != nil {
			return arg, fmt.Errorf("proxies in the argument: %w", err)
		}
	}
	return arg, codec.Decode(encoded, &arg)
}

// holdTokens keeps what the proxies in an encoded argument refer to alive until release is called.
func holdTokens(ctx context.Context, possible bool, encoded []byte) (release func(), err error) {
	if !possible {
		return func() {}, nil
	}
	tokens, err := wire.FindTokens(encoded)
	if err != nil {
		return nil, err
	}
	if err := wire.Hold(ctx, tokens); err != nil {
		return nil, err
	}
	return func() { wire.Release(tokens) }, nil
}

// runFunction is the body of functionRole.
func runFunction(ctx context.Context, c *Child) error {
	var message argument
	if _, err := message.UnmarshalMsg(c.Argument); err != nil {
		return fmt.Errorf("decode the argument of %s: %w", functionRole, err)
	}
	c.Argument = nil
	functions.mu.Lock()
	decode, ok := functions.table[message.Function]
	functions.mu.Unlock()
	if !ok {
		return fmt.Errorf("no function %s is registered in the child: it must be registered while packages "+
			"initialise, unconditionally", message.Function)
	}
	if err := receiveEnds(message.Ends, c.Files); err != nil {
		return err
	}
	call, err := decode(ctx, message.Value)
	dropEnds()
	if err != nil {
		return fmt.Errorf("decode the argument of %s: %w", message.Function, err)
	}
	if err := c.Hello(""); err != nil {
		return err
	}
	return call(ctx)
}

// shortName is the part of a function's name after its package.
func shortName(name string) string {
	return name[strings.LastIndexAny(name, "./")+1:]
}
