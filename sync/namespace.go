package sync

import (
	"context"
	"iter"

	"github.com/multiproc-go/multiproc/manager"
)

const typeNamespace = "Namespace"

// A Namespace is attributes of any types by their names. Get and Set take what a value of type any can be (see
// wire.Codec); an [Attribute] is one with a type.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on. Its calls
// block for the manager's answer alone.
type Namespace struct{ manager.Proxy }

// NewNamespace makes an empty Namespace in a manager, or with [Named] finds it. It blocks until the manager has answered
// or ctx ends.
func NewNamespace(ctx context.Context, m *manager.Manager, options ...Option) (*Namespace, error) {
	p, err := create(ctx, m, typeNamespace, message(nil).string(""), options)
	if err != nil {
		return nil, err
	}
	return &Namespace{*p}, nil
}

// Get returns an attribute: an integer as int64 or uint64, a struct as a map, a proxy as a *manager.Proxy (see manager.As). Attr
// returns them as what they are. The error wraps ErrNotFound if there is none of the name.
func (n *Namespace) Get(ctx context.Context, name string) (any, error) {
	return Attr[any](n, name).Get(ctx)
}

// Set sets an attribute.
func (n *Namespace) Set(ctx context.Context, name string, value any) error {
	return Attr[any](n, name).Set(ctx, value)
}

// Delete takes out an attribute. The error wraps ErrNotFound if there is none of the name.
func (n *Namespace) Delete(ctx context.Context, name string) error {
	return Attr[any](n, name).Delete(ctx)
}

// Names returns the names of all attributes, in the order in which they came in.
func (n *Namespace) Names(ctx context.Context) ([]string, error) {
	names, err := ask(ctx, &n.Proxy, "Keys", nil, must(elementOf[string]()).decodeAll)
	return names, failed(typeNamespace, "Names", err)
}

// Snapshot returns all attributes as they are at one moment, each as Get does.
func (n *Namespace) Snapshot(ctx context.Context) (map[string]any, error) {
	t := must(newTable[string, any]())
	items, err := t.items(ctx, &n.Proxy)
	if err != nil {
		return nil, failed(typeNamespace, "Snapshot", err)
	}
	return mapFrom(items), nil
}

// All returns a sequence over all attributes as they are at one moment, in the order in which they came in.
func (n *Namespace) All(ctx context.Context) (iter.Seq2[string, any], error) {
	t := must(newTable[string, any]())
	items, err := t.items(ctx, &n.Proxy)
	return pairsOf(items), failed(typeNamespace, "All", err)
}

// Clone returns another reference to the same namespace. It does not block.
func (n *Namespace) Clone() (*Namespace, error) {
	p, err := n.Proxy.Clone()
	if err != nil {
		return nil, failed(typeNamespace, "Clone", err)
	}
	return &Namespace{*p}, nil
}

// MarshalMsg and UnmarshalMsg pass the namespace on to other processes, as part of any value.
func (n *Namespace) MarshalMsg(dst []byte) ([]byte, error) { return n.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the namespace over: see MarshalMsg.
func (n *Namespace) UnmarshalMsg(src []byte) ([]byte, error) {
	return adopt(&n.Proxy, typeNamespace, src)
}

// An Attribute is one attribute of a Namespace, as a value of one type. Whoever reads it has to use the type with which
// it was set. It is as good as its Namespace, and safe for concurrent use.
type Attribute[T any] struct {
	namespace *Namespace
	name      string
	table     table[string, T]
	fault     error // why T cannot travel
}

// Attr returns an attribute of a namespace. It asks nobody: the attribute need not be there, and whether values of the
// type can travel is told by its methods, whose errors then wrap wire.ErrUnsupportedType.
func Attr[T any](n *Namespace, name string) *Attribute[T] {
	t, err := newTable[string, T]()
	return &Attribute[T]{n, name, t, err}
}

// Get returns the attribute. The error wraps ErrNotFound if it is not there, and wire.ErrMalformed if it is of another
// type; or what the type's own UnmarshalMsg says of it.
func (a *Attribute[T]) Get(ctx context.Context) (value T, err error) {
	found := false
	if err = a.fault; err == nil {
		value, found, err = a.table.one(ctx, &a.namespace.Proxy, "Get", a.name)
	}
	if err == nil && !found {
		err = ErrNotFound
	}
	return value, a.failed("Get", err)
}

// Set sets the attribute.
func (a *Attribute[T]) Set(ctx context.Context, value T) error {
	if a.fault != nil {
		return a.failed("Set", a.fault)
	}
	argument, err := a.table.pair(a.name, value)
	if err == nil {
		err = tell(ctx, &a.namespace.Proxy, "Set", argument)
	}
	return a.failed("Set", err)
}

// Add adds to a number, which is 0 where there is none, as + does for its type, and returns the sum. The error wraps
// ErrNotNumber for other types than integers and floats.
func (a *Attribute[T]) Add(ctx context.Context, delta T) (sum T, err error) {
	if a.fault != nil {
		return sum, a.failed("Add", a.fault)
	}
	argument, err := a.table.keys.encode(nil, a.name)
	if err == nil {
		argument, err = a.table.values.addition(argument, delta)
	}
	if err == nil {
		sum, err = ask(ctx, &a.namespace.Proxy, "Add", argument, a.table.values.decode)
	}
	return sum, a.failed("Add", err)
}

// Delete takes the attribute out. The error wraps ErrNotFound if it is not there.
func (a *Attribute[T]) Delete(ctx context.Context) error {
	err := a.fault
	if err == nil {
		err = a.table.delete(ctx, &a.namespace.Proxy, a.name)
	}
	return a.failed("Delete", err)
}

func (a *Attribute[T]) failed(method string, err error) error {
	if err == nil {
		return nil
	}
	return failed(typeNamespace, method+" "+a.name, err)
}

// must is for types that are known to travel.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
