// Package ledger has types with all shapes of methods that can be exposed.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"sync"
	"time"

	v2 "math/rand/v2"

	"github.com/multiproc-go/multiproc/manager"
)

// A Ledger has accounts.
type Ledger struct {
	owner string
	rate  float64
	*notes

	mu      sync.Mutex // guards entries
	entries []Entry
}

// An Entry is a line of a ledger.
type Entry struct {
	What   string
	Amount float64
	At     time.Time
}

// A Pair is two values.
type Pair[A, B any] struct {
	First  A
	Second B
}

type (
	text = string // an alias that other packages could not name
	page = map[text][]Pair[text, *Entry]
)

// wire has the name of a package that generated code imports.
func wire() string { return "wire" }

type notes struct {
	mu   sync.Mutex // guards list
	list []string
}

// Note is a method of a part.
func (n *notes) Note(text string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, text)
	return len(n.list)
}

// NewLedger makes a ledger.
func NewLedger(ctx context.Context, owner string, rate float64) (*Ledger, error) {
	if owner == "" {
		return nil, fs.ErrPermission
	}
	return &Ledger{owner: owner, rate: rate, notes: &notes{}}, ctx.Err()
}

// Enter enters a line.
//
// It returns how many there are:
//   - with this one
//   - always
func (l *Ledger) Enter(what string, amount float64, at time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, Entry{what, amount, at})
	return len(l.entries)
}

// Find returns nil if there is no such entry.
func (l *Ledger) Find(_ context.Context, what string) (*Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if e.What == what {
			return &e, nil
		}
	}
	return nil, nil
}

func (l *Ledger) Sum(first float64, others ...float64) float64 {
	for _, o := range others {
		first += o
	}
	return l.rate * first
}

func (l *Ledger) Count(values ...any) string       { return fmt.Sprint(values...) }
func (l *Ledger) Clear()                           { l.entries = nil }
func (l *Ledger) Fail() error                      { return fmt.Errorf("the ledger of %s: %w", l.owner, fs.ErrNotExist) }
func (l *Ledger) Panic(string)                     { panic("torn page") }
func (l *Ledger) Wait(ctx context.Context) error   { <-ctx.Done(); return ctx.Err() }
func (l *Ledger) Value() string                    { return l.owner }
func (l *Ledger) Page(p page, _ [2]int) page       { return p }
func (l *Ledger) Seeded(rng *v2.PCG) *v2.PCG       { rng.Uint64(); return rng }
func (l *Ledger) Same(p *LedgerProxy) *LedgerProxy { return p }

func (l *Ledger) Shadows(manager string, ctx, int, err int, wire2 netip.Addr, args []string) (string, error) {
	return fmt.Sprint(manager, ctx, int, err, wire2, args, wire()), nil
}

func (l *Ledger) Inline(s struct {
	A int `msg:"a"`
	B *netip.Addr
}) bool {
	return s.A == 1 && s.B == nil
}

// Keep is given any proxy.
func (l *Ledger) Keep(manager.Proxy) error { return errors.New("there is no room") }

// Account returns a shared object.
func (l *Ledger) Account(who string) (*account, error) {
	if who == "" {
		return nil, errors.New("whose account?")
	}
	return &account{l, who}, nil
}

// Close is called by the manager.
func (l *Ledger) Close() error { return nil }

// String is for Describe.
func (l *Ledger) String() string { return "ledger of " + l.owner }

func (l *Ledger) private(chan int) {}

// An account is made by a ledger alone.
type account struct {
	ledger *Ledger
	who    string
}

type balance struct{ Amount float64 }

// Balance has a type that is not exported, as its own is.
func (a *account) Balance(add balance) balance {
	for _, e := range a.ledger.entries {
		if e.What == a.who {
			add.Amount += e.Amount
		}
	}
	return add
}
