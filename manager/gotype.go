package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// A GoType is a Go type whose values can be shared: each object is a *T in the manager. See RegisterGo.
type GoType[T, A any] struct {
	name  string
	codec *wire.Codec[A]
}

// A GoMethod carries out a method of a *T without reflection: arguments are the encoded arguments, one after another.
// Generated code has them.
type GoMethod[T any] func(ctx context.Context, object *T, arguments []byte) (GoResult, error)

// A GoResult is what a GoMethod returns. It is zero for a method without a result.
type GoResult struct {
	Encoded []byte // the result
	Shared  any    // the result of a method that GoOptions.Results names: the pointer that becomes a shared object
}

// GoOptions are RegisterGo's. A nil *GoOptions exposes every exported method of *T.
type GoOptions[T any] struct {
	// Methods are the names of those that are exposed; nil means all exported ones.
	Methods []string
	// Results names the methods whose result, a pointer, is not to be copied: it becomes a shared object of its own,
	// of the registered Go type given here.
	Results map[string]string
	// Dispatch has methods that need no reflection. They replace those of *T, or are further ones.
	Dispatch map[string]GoMethod[T]
	// ByMethodsOnly keeps clients from creating objects of the type: they are results of methods. The factory may
	// then be nil.
	ByMethodsOnly bool
}

// RegisterGo makes a Go type known to every manager of the program, under a name of its own. factory makes a value from
// what New was given; its context, which goes on after it has returned, ends with the object. o may be nil.
//
// Methods may take a context first, which ends when the caller gives up or dies, and otherwise arguments of any types
// that can travel, of which the last may be variadic. They may return a value, an error, or both. Each call has a
// goroutine of its own, so *T has to be safe for concurrent use. A method that panics is an error with its stack at the
// caller, and nothing more. One that does not heed its context is waited for half of the manager's
// Options.VerdictTimeout, and then the caller gets its context's error while the method goes on.
//
// Where *T is an io.Closer, it is closed when the last reference to the object has gone.
//
// RegisterGo must be called while packages initialise, and panics afterwards; where the name is taken; and where an
// exposed method can't be called from elsewhere, with all reasons.
func RegisterGo[T, A any](name string, factory func(ctx context.Context, argument A) (*T, error), o *GoOptions[T]) *GoType[T, A] {
	spawn.MustRegister("manager.RegisterGo")
	if o == nil {
		o = &GoOptions[T]{}
	}
	if factory == nil && !o.ByMethodsOnly {
		panic("manager.RegisterGo: " + name + " needs a factory")
	}
	codec, err := wire.CodecOf[A]()
	if err != nil {
		panic(fmt.Sprintf("manager.RegisterGo: %s: the factory's argument: %v", name, err))
	}
	methods, err := goMethods(reflect.TypeFor[*T](), o.Methods, o.Results)
	if err != nil {
		panic(fmt.Sprintf("manager.RegisterGo: %s: %v", name, err))
	}
	for method, fn := range o.Dispatch {
		call := func(ctx context.Context, object any, arguments []byte) (goResult, error) {
			r, err := fn(ctx, object.(*T), arguments)
			return goResult{r.Encoded, r.Shared}, err
		}
		methods[method] = &goMethod{call, o.Results[method]}
	}
	for method := range o.Results {
		if methods[method] == nil {
			panic(fmt.Sprintf("manager.RegisterGo: %s: method %s: GoOptions.Results names it, and it is not exposed", name, method))
		}
	}
	t := Type{Name: name, ByMethodsOnly: o.ByMethodsOnly}
	for method := range methods {
		t.Methods = append(t.Methods, method)
	}
	slices.Sort(t.Methods)
	t.New = func(argument []byte, host *Host) (Object, error) {
		var a A
		if err := codec.Decode(argument, &a); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(host.server.ctx)
		value, err := factory(ctx, a)
		if err != nil || value == nil {
			cancel()
			return nil, errors.Join(err, nilResult(err == nil))
		}
		return &goObject{host: host, value: value, methods: methods, end: cancel}, nil
	}
	goTypes.add(name, reflect.TypeFor[*T](), methods)
	RegisterType(t)
	return &GoType[T, A]{name, codec}
}

func nilResult(isNil bool) error {
	if isNil {
		return errors.New("manager: a nil pointer cannot be shared")
	}
	return nil
}

// Name returns the name that the type is registered under.
func (g *GoType[T, A]) Name() string { return g.name }

// New makes a shared object of the type, as Create does. The caller closes the proxy.
func (g *GoType[T, A]) New(ctx context.Context, m *Manager, argument A, o *ObjectOptions) (*Proxy, error) {
	encoded, err := g.codec.Append(nil, &argument)
	if err != nil {
		return nil, fmt.Errorf("manager: new %s: encode the argument: %w", g.name, err)
	}
	return Create(ctx, m, g.name, encoded, o)
}

// A goObject is a value of a registered Go type as an Object.
type goObject struct {
	host    *Host
	value   any // a *T
	methods map[string]*goMethod
	end     context.CancelFunc
}

// Call runs the method in a goroutine of its own.
func (g *goObject) Call(c *Request) {
	if c.Refused() {
		c.Fail(wire.ErrTooManyCalls)
		return
	}
	method := g.methods[c.Method]
	c.OnCancel(func() {
		if c.Session.isEnding() {
			c.Fail(context.Canceled)
			return
		}
		patience := orDefault(g.host.server.options.VerdictTimeout, wire.DefaultVerdictTimeout) / 2
		time.AfterFunc(patience, func() {
			c.Fail(fmt.Errorf("%w: %s does not heed its context and goes on", context.Canceled, c.Method))
		})
	})
	g.host.Go(func(context.Context) { method.run(c, g) })
}

// Destroyed ends what belongs to the value.
func (g *goObject) Destroyed() {
	g.end()
	if closer, ok := g.value.(io.Closer); ok {
		g.host.Go(func(context.Context) {
			if err := closeValue(closer); err != nil {
				g.host.server.options.Logger.Warn("close of a shared object", "type", g.host.entry.kind.Name, "object", g.host.ID(), "error", err)
			}
		})
	}
}

// closeValue is the boundary at which panics stop: the manager has other objects.
func closeValue(value io.Closer) (err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = wire.NewPanicError(recovered)
		}
	}()
	return value.Close()
}

// String is the value's own, if it has one.
func (g *goObject) String() string {
	if s, ok := g.value.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%s %d", g.host.entry.kind.Name, g.host.ID())
}
