package manager_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// A ledger is a type that a program might share.
type ledger struct {
	owner  string
	closed chan<- string

	mu      sync.Mutex // guards the fields below
	entries []entry
	kept    []*manager.Proxy
}

type entry struct {
	What   string
	Amount float64
	At     time.Time
}

type account struct{ ledger *ledger }

var (
	ledgers = manager.RegisterGo("manager_test.ledger", newLedger, &manager.GoOptions[ledger]{
		Results: map[string]string{"Account": "manager_test.account", "Wrong": "manager_test.account"},
		Dispatch: map[string]manager.GoMethod[ledger]{
			"Owner": func(_ context.Context, l *ledger, arguments []byte) (manager.GoResult, error) {
				if len(arguments) != 0 {
					return manager.GoResult{}, errors.New("it takes none")
				}
				encoded, err := wire.AppendValue(nil, l.owner)
				return manager.GoResult{Encoded: encoded}, err
			},
		},
	})
	_ = manager.RegisterGo[account, struct{}]("manager_test.account", nil, &manager.GoOptions[account]{ByMethodsOnly: true})

	closedLedgers = make(chan string, 16)
)

func newLedger(_ context.Context, owner string) (*ledger, error) {
	switch owner {
	case "":
		return nil, fs.ErrPermission
	case "nobody":
		return nil, nil
	}
	return &ledger{owner: owner, closed: closedLedgers}, nil
}

func (l *ledger) Enter(what string, amount float64, at time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, entry{what, amount, at})
	return len(l.entries)
}

func (l *ledger) Entries(ctx context.Context) ([]entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries), ctx.Err()
}

func (l *ledger) Sum(first float64, others ...float64) float64 {
	for _, o := range others {
		first += o
	}
	return first
}

func (l *ledger) Fail() error                             { return fmt.Errorf("the ledger: %w", fs.ErrNotExist) }
func (l *ledger) Panic() int                              { panic("torn page") }
func (l *ledger) Nothing()                                {}
func (l *ledger) Account() *account                       { return &account{l} }
func (l *ledger) Wrong() *ledger                          { return l }
func (l *ledger) String() string                          { return "ledger of " + l.owner }
func (l *ledger) Any() any                                { return make(chan int) }
func (l *ledger) Wait(ctx context.Context) error          { <-ctx.Done(); return ctx.Err() }
func (l *ledger) Finish(ctx context.Context) (int, error) { <-ctx.Done(); return 5, nil }
func (l *ledger) Deaf(ms int)                             { <-time.After(time.Duration(ms) * time.Millisecond) }

// Same keeps the proxy, which is the ledger's from then on, and returns it.
func (l *ledger) Same(p *manager.Proxy) *manager.Proxy {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p)
	return p
}

func (l *ledger) Close() error {
	l.closed <- l.owner
	for _, p := range l.kept {
		p.Close()
	}
	return nil
}

func (a *account) Count() int {
	a.ledger.mu.Lock()
	defer a.ledger.mu.Unlock()
	return len(a.ledger.entries)
}

func TestGoType(t *testing.T) {
	m := started(t, nil)
	ctx := t.Context()
	p := must(ledgers.New(ctx, m, "Ann", nil))
	defer p.Close()
	at := time.Date(2024, 2, 29, 1, 2, 3, 4, time.UTC)
	if got := must(manager.Call[int](ctx, p, "Enter", "tea", 2.5, at)); got != 1 {
		t.Errorf("Enter returned %d", got)
	}
	got := must(manager.Call[[]entry](ctx, p, "Entries"))
	if diff := cmp.Diff([]entry{{"tea", 2.5, at}}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	for _, others := range [][]any{{1.0}, {1.0, 2.0}, {1.0, 2.0, 4.0}} {
		want := float64(int(1)<<len(others) - 1)
		if got := must(manager.Call[float64](ctx, p, "Sum", others...)); got != want {
			t.Errorf("Sum%v = %v", others, got)
		}
	}
	if got := must(manager.Call[string](ctx, p, "Owner")); got != "Ann" {
		t.Errorf("Owner %q, by the method without reflection", got)
	}
	if got := must(p.Describe(ctx)); got != "ledger of Ann" {
		t.Error(got)
	}
	if err := manager.Do(ctx, p, "Nothing"); err != nil {
		t.Error(err)
	}
	if got := must(p.Methods(ctx)); !slices.Contains(got, "Enter") || !slices.Contains(got, "Owner") {
		t.Errorf("methods %v", got)
	}
}

func TestResultsThatBecomeSharedObjects(t *testing.T) {
	m := started(t, nil)
	ctx := t.Context()
	p := must(ledgers.New(ctx, m, "Ann", nil))
	a := must(manager.Call[*manager.Proxy](ctx, p, "Account"))
	defer a.Close()
	must(manager.Call[int](ctx, p, "Enter", "tea", 2.5, time.Time{}))
	p.Close() // the account has what it needs
	if got := must(manager.Call[int](ctx, a, "Count")); got != 1 {
		t.Errorf("Count %d", got)
	}
	if _, err := manager.Create(ctx, m, "manager_test.account", nil, nil); !errors.Is(err, manager.ErrNoSuchType) {
		t.Errorf("created by a client: %v", err)
	}
	if got := must(m.NumberOfObjects(ctx)); got != 1 {
		t.Errorf("%d objects", got)
	}
}

func TestProxyThroughAMethod(t *testing.T) {
	m := started(t, nil)
	ctx := t.Context()
	p := must(ledgers.New(ctx, m, "Ann", nil))
	defer p.Close()
	b := must(manager.Create(ctx, m, "box", nil, nil))
	same := must(manager.Call[*manager.Proxy](ctx, p, "Same", b))
	b.Close()
	checkUsable(t, same)
	same.Close() // the ledger's own proxy goes with the ledger
}

func TestErrorsOfGoTypes(t *testing.T) {
	m := started(t, nil)
	ctx := t.Context()
	p := must(ledgers.New(ctx, m, "Ann", nil))
	defer p.Close()
	do := func(method string, args ...any) error { return manager.Do(ctx, p, method, args...) }
	var remote *wire.RemoteError
	if err := do("Fail"); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &remote) || err.Error() != "the ledger: file does not exist" {
		t.Errorf("an error: %v", err)
	}
	if err := do("Panic"); !errors.As(err, &remote) || !remote.Panic || !strings.Contains(remote.Stack, "gotype_test.go") {
		t.Errorf("a panic: %+v", err)
	}
	for name, test := range map[string]struct {
		err  error
		want error
	}{
		"too few arguments":   {do("Enter", "tea"), manager.ErrArguments},
		"too many arguments":  {do("Nothing", 1), manager.ErrArguments},
		"the wrong argument":  {do("Enter", 1, 2.5, time.Time{}), manager.ErrArguments},
		"no such method":      {do("enter"), manager.ErrNoSuchMethod},
		"cannot travel":       {do("Enter", make(chan int)), wire.ErrUnsupportedType},
		"result cannot":       {do("Any"), wire.ErrUnsupportedType},
		"factory":             {second(ledgers.New(ctx, m, "", nil)), fs.ErrPermission},
		"result not expected": {second(manager.Call[int](ctx, p, "String")), wire.ErrMalformed},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
	if _, err := ledgers.New(ctx, m, "nobody", nil); err == nil {
		t.Error("a nil pointer is shared")
	}
	if err := do("Wrong"); err == nil {
		t.Error("a result of another type is shared")
	}
}

func second[T any](_ T, err error) error { return err }

func TestCancellationOfMethods(t *testing.T) {
	_, m := server(t, &manager.Options{VerdictTimeout: 200 * time.Millisecond})
	p := must(ledgers.New(t.Context(), m, "Ann", nil))
	defer p.Close()
	for method, want := range map[string]error{"Wait": context.DeadlineExceeded, "Finish": nil} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if err := manager.Do(ctx, p, method); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", method, err, want)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := manager.Do(ctx, p, "Deaf", 400); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a method that does not heed its context: %v", err)
	}
	if err := m.Ping(t.Context()); err != nil {
		t.Errorf("the session afterwards: %v", err)
	}
}

func TestValueIsClosedWithItsLastReference(t *testing.T) {
	_, m := server(t, nil)
	p := must(ledgers.New(t.Context(), m, "Zoe", nil))
	p.Close()
	awaitClosed(t, "Zoe")
}

// awaitClosed returns when the ledger of the owner was closed, whatever others were before.
func awaitClosed(t *testing.T, wanted string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	for {
		select {
		case owner := <-closedLedgers:
			if owner == wanted {
				return
			}
		case <-ctx.Done():
			t.Fatal("not closed")
		}
	}
}
