// A program that calls everything in package ledger through generated proxies, over a manager's process, and from a
// worker's.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"time"

	"example.com/outside/ledger"
	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

var enter = pool.Register(enterOne)

func main() { spawn.Main(run) }

var faults []error

func check[T any](what string, want T) func(got T, err error) {
	return func(got T, err error) {
		if err != nil || !reflect.DeepEqual(got, want) {
			faults = append(faults, fmt.Errorf("%s: %v, %w; want %v", what, got, err, want))
		}
	}
}

func is(what string, err, want error) {
	if !errors.Is(err, want) {
		faults = append(faults, fmt.Errorf("%s: error %w, want %w", what, err, want))
	}
}

func run(ctx context.Context) error {
	m, err := manager.Start(ctx, nil)
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := ledger.NewLedgerProxy(ctx, m, "Ann", 2, nil)
	if err != nil {
		return err
	}
	calls(ctx, l)
	failures(ctx, m, l)
	objects(ctx, m, l)
	if err := fromWorker(ctx, l); err != nil {
		return err
	}
	if err := l.Close(); err != nil {
		return err
	}
	n, err := m.NumberOfObjects(ctx)
	check("objects at the end", 0)(n, err)
	if len(faults) == 0 {
		fmt.Println("all is well")
	}
	return errors.Join(append(faults, m.Shutdown(ctx))...)
}

func calls(ctx context.Context, l *ledger.LedgerProxy) {
	at := time.Date(2024, 2, 29, 1, 2, 3, 4, time.UTC)
	check("Enter", 1)(l.Enter(ctx, "tea", 2.5, at))
	check("Find", &ledger.Entry{What: "tea", Amount: 2.5, At: at})(l.Find(ctx, "tea"))
	check("Find nothing", (*ledger.Entry)(nil))(l.Find(ctx, "milk"))
	check("Sum of one", 6.)(l.Sum(ctx, 3))
	check("Sum", 14.)(l.Sum(ctx, 1, 2, 4))
	check("Count", "1 [2] <nil>")(l.Count(ctx, 1, []any{2}, nil))
	check("Count nothing", "")(l.Count(ctx))
	check("Note", 1)(l.Note(ctx, "a part's"))
	check("Value", "Ann")(l.Value(ctx))
	page := map[string][]ledger.Pair[string, *ledger.Entry]{"a": {{First: "b", Second: &ledger.Entry{What: "c"}}}, "d": nil}
	check("Page", page)(l.Page(ctx, page, [2]int{}))
	seeded, err := l.Seeded(ctx, rand.NewPCG(1, 2))
	want := rand.NewPCG(1, 2)
	want.Uint64()
	check("Seeded", want)(seeded, err)
	addr := netip.MustParseAddr("::1")
	check("Shadows", "a1 2 3 ::1 [x]wire")(l.Shadows(ctx, "a", 1, 2, 3, addr, []string{"x"}))
	check("Inline", true)(l.Inline(ctx, struct {
		A int `msg:"a"`
		B *netip.Addr
	}{A: 1}))
	check("Describe", "ledger of Ann")(l.Describe(ctx))
	is("Clear", l.Clear(ctx), nil)
	check("Find after Clear", (*ledger.Entry)(nil))(l.Find(ctx, "tea"))
	names, err := l.Methods(ctx)
	check("Methods", []string{
		"Account", "Clear", "Count", "Enter", "Fail", "Find", "Inline", "Keep", "Note", "Page", "Panic", "Same", "Seeded",
		"Shadows", "Sum", "Value", "Wait",
	})(names, err)
}

func failures(ctx context.Context, m *manager.Manager, l *ledger.LedgerProxy) {
	is("Fail", l.Fail(ctx), fs.ErrNotExist)
	var remote *wire.RemoteError
	if err := l.Panic(ctx, ""); !errors.As(err, &remote) || !remote.Panic {
		faults = append(faults, fmt.Errorf("Panic: %w", err))
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	is("Wait", l.Wait(short), context.DeadlineExceeded)
	_, err := ledger.NewLedgerProxy(ctx, m, "", 0, nil)
	is("the factory", err, fs.ErrPermission)
	is("too few arguments", manager.Do(ctx, &l.Proxy, "Enter", "tea"), manager.ErrArguments)
	is("too many arguments", manager.Do(ctx, &l.Proxy, "Clear", 1), manager.ErrArguments)
	is("a wrong argument", manager.Do(ctx, &l.Proxy, "Sum", 1., "two"), manager.ErrArguments)
	is("a method that is not exposed", manager.Do(ctx, &l.Proxy, "Close"), manager.ErrNoSuchMethod)
	_, err = l.Count(ctx, make(chan int))
	is("what cannot travel", err, wire.ErrUnsupportedType)
}

func objects(ctx context.Context, m *manager.Manager, l *ledger.LedgerProxy) {
	_, err := l.Enter(ctx, "Bob", 4, time.Time{})
	is("Enter", err, nil)
	a, err := l.Account(ctx, "Bob")
	is("Account", err, nil)
	defer a.Close()
	type balance struct{ Amount float64 }
	check("Balance", balance{5})(manager.Call[balance](ctx, &a.Proxy, "Balance", balance{1}))
	_, err = l.Account(ctx, "")
	if err == nil || err.Error() != "whose account?" {
		faults = append(faults, fmt.Errorf("Account of nobody: %w", err))
	}
	_, err = ledger.LedgerProxyOf(&a.Proxy)
	is("an account as a ledger", err, manager.ErrNoSuchType)
	_, err = manager.Create(ctx, m, "the account", nil, nil)
	is("an account by itself", err, manager.ErrNoSuchType)

	o := &manager.ObjectOptions{Name: "zero"}
	z, err := ledger.NewZeroProxy(ctx, m, o)
	is("the zero value", err, nil)
	defer z.Close()
	check("Add", int64(2))(z.Add(ctx, 2))
	same, err := ledger.NewZeroProxy(ctx, m, o)
	is("the same by its name", err, nil)
	defer same.Close()
	check("Add", int64(5))(same.Add(ctx, 3))
}

// Job carries a proxy to a worker.
type Job struct{ Ledger *ledger.LedgerProxy }

func fromWorker(ctx context.Context, l *ledger.LedgerProxy) error {
	p, err := pool.New(ctx, &pool.Options{Workers: 2})
	if err != nil {
		return err
	}
	defer p.Close()
	before, err := l.Enter(ctx, "before", 0, time.Time{})
	is("Enter", err, nil)
	got, err := enter.Map(ctx, p, []Job{{l}, {l}, {l}})
	if err != nil {
		return err
	}
	sum := 0
	for _, n := range got {
		sum += n
	}
	check("entries by workers", 3*before+6)(sum, nil)
	return p.Shutdown(ctx)
}

func enterOne(ctx context.Context, j Job) (int, error) {
	defer j.Ledger.Close()
	return j.Ledger.Enter(ctx, "work", 1, time.Time{})
}
