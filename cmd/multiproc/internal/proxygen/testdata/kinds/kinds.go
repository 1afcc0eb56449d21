// Package kinds has types that can be sent to other processes, and types that cannot.
package kinds

import (
	"encoding/json"
	"io"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"github.com/multiproc-go/multiproc/manager"
)

type (
	A1 []map[string][3]*int
	A2 struct{ next, Value int }
	A3 struct{ value int }
	A4 struct{}
	A5 struct{ _ int }
	A6 struct{ C chan int }
	A7 struct{ c chan int }
	A8 struct {
		C chan int `msg:"-"`
		N int
	}
	A9  struct{ inner }
	A10 struct{ *inner }
	A11 struct{ Inner *A11 }
	A12 struct{ F func() }
	A13 map[struct{ X, Y int }]any
	A14 map[*int]int
	A15 map[chan int]int
	A16 uintptr
	A17 struct{ P unsafe.Pointer }
	A18 struct{ E error }
	A19 struct{ R io.Reader }
	A20 struct{ T time.Time }
	A21 time.Time
	A22 struct{ time.Time }
	A23 struct {
		Mu sync.Mutex
		N  int
	}
	A24 big.Int
	A25 []big.Int
	A26 struct{ Addr netip.Addr }
	A27 netip.Addr
	A28 url.URL
	A29 struct{ U url.URL }
	A30 json.RawMessage
	A31 struct{ G rand.PCG }
	A32 manager.Proxy
	A33 struct{ manager.Proxy }
	A34 []*manager.Proxy
	A35 manager.Manager
	A36 half
	A37 struct{ H half }
	A38 struct{ text }
	A39 struct{ T text }
	A40 struct{ unexportedInt }
	A41 []text
	A42 struct{ N named }
	A43 [2][]complex128
	A44 struct {
		Wrapper
		Other int
	}
	A45 struct{ A *A46 }
	A46 struct{ B []A45 }
	A47 struct {
		hidden  func()
		Visible *A3
	}
	A48 pair[int, chan int]
	A49 struct{ P pair[string, *A1] }
	A50 struct{ D time.Duration }
)

type (
	inner          struct{ Deep int }
	unexportedInt  int
	named          []byte
	half           struct{ A int }
	text           struct{ a int }
	pair[A, B any] struct {
		First  A
		Second B
	}
	// A Wrapper has its part's methods, which encode the part alone.
	Wrapper struct{ text2 }
	text2   struct{ A int }
)

func (*half) UnmarshalMsg(src []byte) ([]byte, error) { return src, nil }

func (text) MarshalText() ([]byte, error) { return nil, nil }
func (*text) UnmarshalText([]byte) error  { return nil }

func (text2) MarshalBinary() ([]byte, error) { return nil, nil }
func (*text2) UnmarshalBinary([]byte) error  { return nil }

func of[T any]() reflect.Type { return reflect.TypeFor[T]() }

// All has every type by its name.
var All = map[string]reflect.Type{
	"A1":  of[A1](),
	"A2":  of[A2](),
	"A3":  of[A3](),
	"A4":  of[A4](),
	"A5":  of[A5](),
	"A6":  of[A6](),
	"A7":  of[A7](),
	"A8":  of[A8](),
	"A9":  of[A9](),
	"A10": of[A10](),
	"A11": of[A11](),
	"A12": of[A12](),
	"A13": of[A13](),
	"A14": of[A14](),
	"A15": of[A15](),
	"A16": of[A16](),
	"A17": of[A17](),
	"A18": of[A18](),
	"A19": of[A19](),
	"A20": of[A20](),
	"A21": of[A21](),
	"A22": of[A22](),
	"A23": of[A23](),
	"A24": of[A24](),
	"A25": of[A25](),
	"A26": of[A26](),
	"A27": of[A27](),
	"A28": of[A28](),
	"A29": of[A29](),
	"A30": of[A30](),
	"A31": of[A31](),
	"A32": of[A32](),
	"A33": of[A33](),
	"A34": of[A34](),
	"A35": of[A35](),
	"A36": of[A36](),
	"A37": of[A37](),
	"A38": of[A38](),
	"A39": of[A39](),
	"A40": of[A40](),
	"A41": of[A41](),
	"A42": of[A42](),
	"A43": of[A43](),
	"A44": of[A44](),
	"A45": of[A45](),
	"A46": of[A46](),
	"A47": of[A47](),
	"A48": of[A48](),
	"A49": of[A49](),
	"A50": of[A50](),
}
