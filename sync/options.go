package sync

import (
	"context"
	"slices"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// An Option is one of a constructor's.
type Option func(*manager.ObjectOptions)

// Named gives an object a name, by which other programs find it: where the manager has an object of that name, the
// constructor returns a proxy for it, if it is of the same type and was made with the same parameters, element types
// and options, [Pinned] among them, and otherwise an error that wraps manager.ErrExists.
func Named(name string) Option { return func(o *manager.ObjectOptions) { o.Name = name } }

// Pinned keeps an object for as long as its manager lives. Others go when nobody refers to them any more.
func Pinned() Option { return func(o *manager.ObjectOptions) { o.Pinned = true } }

// create makes an object in a manager.
func create(ctx context.Context, m *manager.Manager, typeName string, argument message, options []Option) (*manager.Proxy, error) {
	var o manager.ObjectOptions
	for _, set := range options {
		set(&o)
	}
	p, err := manager.Create(ctx, m, typeName, argument, &o)
	if err != nil {
		return nil, notMade(typeName, err)
	}
	return p, nil
}

// adopt decodes a proxy for an object of a type, or of another that will do.
func adopt(p *manager.Proxy, typeName string, src []byte, others ...string) ([]byte, error) {
	rest, err := p.UnmarshalMsg(src)
	if err != nil {
		return src, err
	}
	if found := p.Token().Type; found != "" && found != typeName && !slices.Contains(others, found) {
		_ = p.Close()
		return src, failed(typeName, "UnmarshalMsg", otherType(found))
	}
	return rest, nil
}

// An otherType is the name of the type of an object whose proxy is where that of another type should be.
type otherType string

func (t otherType) Error() string { return "the proxy is for a " + string(t) }
func (otherType) Unwrap() error   { return wire.ErrMalformed }
