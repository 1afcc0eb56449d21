// Package refused has what cannot be exposed.
package refused

import (
	"context"
	"io"
	"sync"
	"unsafe"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/proxygen/testdata/refused/other"
)

type Everything struct {
	sync.Mutex
	other.Part
}

type Job struct {
	Name string
	Done struct{ Signal chan struct{} }
}

type hidden struct{ A int }

type opaque struct{ a int }

type Opaque struct{ a int }

type Half struct{ A int }

func (Half) MarshalMsg(dst []byte) ([]byte, error) { return dst, nil }

type Wrap struct{ *opaque }

type Node struct {
	Next *Node
	Run  func()
}

func (*Everything) Channel(c chan int)                      {}
func (*Everything) Function(f func())                       {}
func (*Everything) Variadic(fs ...func())                   {}
func (*Everything) VariadicChannels(n int, c ...<-chan int) {}
func (*Everything) ResultChannel() (<-chan int, error)      { return nil, nil }
func (*Everything) Nested(jobs map[string][]Job) error      { return nil }
func (*Everything) Recursive(n *Node)                       {}
func (*Everything) Reader(r io.Reader)                      {}
func (*Everything) Error(err error)                         {}
func (*Everything) TwoValues() (int, string, error)         { return 0, "", nil }
func (*Everything) ErrorFirst() (error, int)                { return nil, 0 }
func (*Everything) LateContext(n int, ctx context.Context)  {}
func (*Everything) Hidden(h hidden)                         {}
func (*Everything) HiddenResult() []*hidden                 { return nil }
func (*Everything) NoFields(o Opaque)                       {}
func (*Everything) HalfEncoded(h Half)                      {}
func (*Everything) Embeds(w Wrap)                           {}
func (*Everything) Address(uintptr, unsafe.Pointer)         {}
func (*Everything) PointerKey(m map[*int]int)               {}
func (*Everything) Close()                                  {}
func (*Everything) Proxy() int                              { return 0 }
func (*Everything) Fine(ctx context.Context, n int) error   { return nil }

type Generic[T any] struct{ V T }

func (*Generic[T]) Get() (v T) { return }

type Interface interface{ Get() int }

type Pointer *int

type Alias = Everything

type NoMethods struct{}

type Taken struct{}

func (Taken) Get() int { return 0 }

type TakenProxy struct{}

type Made struct{}

func (Made) Get() int { return 0 }

func newMade(options ...int) Made { return Made{} }
