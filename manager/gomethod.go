package manager

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"

	"github.com/multiproc-go/multiproc/wire"
)

// A goMethod is an exposed method of a Go type.
type goMethod struct {
	call   func(ctx context.Context, object any, arguments []byte) (goResult, error)
	shared string // the type of the shared object that the result becomes, or ""
}

// A goResult is what a method has returned: encoded, or as it is.
type goResult struct {
	encoded []byte
	value   any
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// goMethods makes the methods of a type ready to be called, or returns everything that is wrong with them.
func goMethods(typ reflect.Type, names []string, shared map[string]string) (map[string]*goMethod, error) {
	methods := map[string]*goMethod{}
	var faults []error
	for _, name := range names {
		if _, exists := typ.MethodByName(name); !exists {
			faults = append(faults, fmt.Errorf("%v has no exported method %s", typ, name))
		}
	}
	for method := range typ.Methods() {
		if names != nil && !slices.Contains(names, method.Name) {
			continue
		}
		m, err := newGoMethod(method, shared[method.Name])
		if err != nil {
			faults = append(faults, fmt.Errorf("method %s: %w", method.Name, err))
			continue
		}
		methods[method.Name] = m
	}
	if len(faults) != 0 && names == nil {
		faults = append(faults, errors.New("set GoOptions.Methods to expose only some of them"))
	}
	return methods, errors.Join(faults...)
}

// A signature is what a method takes and returns, besides its receiver.
type signature struct {
	context  bool
	in       []reflect.Type
	variadic bool
	value    bool // returns one
	err      bool
}

func newGoMethod(method reflect.Method, shared string) (*goMethod, error) {
	s, err := signatureOf(method.Type, shared != "")
	if err != nil {
		return nil, err
	}
	fn := method.Func
	call := func(ctx context.Context, object any, encoded []byte) (goResult, error) {
		in, err := s.arguments(ctx, object, encoded)
		if err != nil {
			return goResult{}, err
		}
		if s.variadic {
			return s.result(fn.CallSlice(in))
		}
		return s.result(fn.Call(in))
	}
	return &goMethod{call, shared}, nil
}

func signatureOf(typ reflect.Type, shared bool) (*signature, error) {
	s := &signature{variadic: typ.IsVariadic()}
	for i := 1; i < typ.NumIn(); i++ {
		in := typ.In(i)
		if i == 1 && in == contextType {
			s.context = true
			continue
		}
		if err := wire.CheckType(in); err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		s.in = append(s.in, in)
	}
	out := typ.NumOut()
	if out > 0 && typ.Out(out-1) == errorType {
		s.err = true
		out--
	}
	if out > 1 {
		return nil, errors.New("it may return a value, an error, or a value and an error")
	}
	s.value = out == 1
	switch {
	case shared && (!s.value || typ.Out(0).Kind() != reflect.Pointer):
		return nil, errors.New("only a pointer can become a shared object")
	case s.value && !shared:
		if err := wire.CheckType(typ.Out(0)); err != nil {
			return nil, fmt.Errorf("result: %w", err)
		}
	}
	return s, nil
}

// arguments decodes what the caller has passed, with the receiver and the context before it. Of a variadic method the
// caller passes the last ones one by one.
func (s *signature) arguments(ctx context.Context, object any, encoded []byte) ([]reflect.Value, error) {
	in := append(make([]reflect.Value, 0, len(s.in)+2), reflect.ValueOf(object))
	if s.context {
		in = append(in, reflect.ValueOf(ctx))
	}
	fixed := len(s.in)
	if s.variadic {
		fixed--
	}
	for i, typ := range s.in[:fixed] {
		if len(encoded) == 0 {
			return nil, fmt.Errorf("%w: there are %d, and at least %d are needed", ErrArguments, i, fixed)
		}
		v := reflect.New(typ)
		rest, err := wire.DecodeValue(encoded, v.Interface())
		if err != nil {
			return nil, fmt.Errorf("%w: argument %d: %w", ErrArguments, i+1, err)
		}
		in, encoded = append(in, v.Elem()), rest
	}
	if !s.variadic {
		if len(encoded) != 0 {
			return nil, fmt.Errorf("%w: there are more than the %d that it takes", ErrArguments, fixed)
		}
		return in, nil
	}
	list := reflect.Zero(s.in[fixed])
	for len(encoded) != 0 {
		v := reflect.New(s.in[fixed].Elem())
		rest, err := wire.DecodeValue(encoded, v.Interface())
		if err != nil {
			return nil, fmt.Errorf("%w: argument %d: %w", ErrArguments, fixed+list.Len()+1, err)
		}
		list, encoded = reflect.Append(list, v.Elem()), rest
	}
	return append(in, list), nil
}

// result sorts what the method has returned.
func (s *signature) result(out []reflect.Value) (r goResult, err error) {
	if s.err {
		err, _ = out[len(out)-1].Interface().(error)
	}
	if err == nil && s.value {
		r.value = out[0].Interface()
	}
	return r, err
}

// run carries out a call and answers it: the boundary at which panics of methods stop.
func (m *goMethod) run(c *Request, g *goObject) {
	returned := false
	defer func() {
		if recovered := recover(); recovered != nil {
			c.fault(recovered)
		} else if !returned {
			c.Fail(fmt.Errorf("manager: %s has ended its goroutine by runtime.Goexit", c.Method))
		}
	}()
	r, err := m.call(c.Context(), g.value, c.Argument)
	returned = true
	switch {
	case err != nil:
		c.Fail(err)
	case m.shared != "":
		c.ReturnObject(m.shared, func(host *Host) (Object, error) { return goTypes.wrap(m.shared, r.value, host) })
	case r.encoded != nil:
		c.Return(r.encoded)
	default:
		encoded, err := wire.AppendValue(nil, r.value)
		if err != nil {
			c.failEncoding(err)
			return
		}
		c.Return(encoded) // which takes references for the proxies in it
		runtime.KeepAlive(r)
	}
}

// A goTable finds registered Go types by name, for results that become objects of them.
type goTable struct {
	mu     sync.Mutex // guards byName
	byName map[string]goTypeEntry
}

type goTypeEntry struct {
	typ     reflect.Type
	methods map[string]*goMethod
}

var goTypes = goTable{byName: map[string]goTypeEntry{}}

func (t *goTable) add(name string, typ reflect.Type, methods map[string]*goMethod) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName[name] = goTypeEntry{typ, methods}
}

// wrap makes an Object of a method's result.
func (t *goTable) wrap(name string, value any, host *Host) (Object, error) {
	t.mu.Lock()
	e, known := t.byName[name]
	t.mu.Unlock()
	v := reflect.ValueOf(value)
	switch {
	case !known:
		return nil, fmt.Errorf("%w: %q is not registered with RegisterGo", ErrNoSuchType, name)
	case !v.IsValid():
		return nil, nilResult(true)
	case v.Type() != e.typ:
		return nil, fmt.Errorf("manager: a %T cannot be a shared %s, which is a %v", value, name, e.typ)
	case v.IsNil():
		return nil, nilResult(true)
	}
	return &goObject{host: host, value: value, methods: e.methods, end: func() {}}, nil
}
