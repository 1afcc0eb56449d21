package manager

import (
	"context"

	"github.com/multiproc-go/multiproc/wire"
)

// A Proxy refers to a shared object. Copies of a Proxy are the same reference; Clone makes another. It is safe for
// concurrent use. The zero Proxy refers to nothing.
type Proxy struct{}

// ObjectOptions are Create's.
type ObjectOptions struct {
	Name   string
	Pinned bool
}

// Create makes a shared object.
func Create(ctx context.Context, m *Manager, typeName string, argument []byte, o *ObjectOptions) (*Proxy, error) {
	panic("not yet")
}

// Invoke calls a method with an encoded argument and returns the encoded result.
func (p *Proxy) Invoke(ctx context.Context, method string, argument []byte) ([]byte, error) {
	panic("not yet")
}

// InvokeProxy calls a method whose result is a shared object.
func (p *Proxy) InvokeProxy(ctx context.Context, method string, argument []byte) (*Proxy, error) {
	panic("not yet")
}

// Token returns the token that names the object.
func (p *Proxy) Token() wire.Token { panic("not yet") }

// Lost is closed when the session of the proxy has ended.
func (p *Proxy) Lost() <-chan struct{} { panic("not yet") }

// Clone returns another reference to the same object.
func (p *Proxy) Clone() (*Proxy, error) { panic("not yet") }

// Equal reports whether both refer to the same object.
func (p *Proxy) Equal(other *Proxy) bool { panic("not yet") }

// Value returns a copy of what the object holds, encoded.
func (p *Proxy) Value(ctx context.Context) ([]byte, error) { panic("not yet") }

// Describe returns the object's own text.
func (p *Proxy) Describe(ctx context.Context) (string, error) { panic("not yet") }

// String names the proxy for people. It asks nobody.
func (p *Proxy) String() string { panic("not yet") }

// Close lets go of the reference.
func (p *Proxy) Close() error { panic("not yet") }

// MarshalMsg appends the token.
func (p *Proxy) MarshalMsg(dst []byte) ([]byte, error) { panic("not yet") }

// UnmarshalMsg decodes a token and takes a reference.
func (p *Proxy) UnmarshalMsg(src []byte) ([]byte, error) { panic("not yet") }
