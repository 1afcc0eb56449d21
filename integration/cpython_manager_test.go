package integration

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"math"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
	"github.com/multiproc-go/multiproc/wire"
)

// The tests of this file check what those of CPython's classes check that cannot be run against a program in Go:
// cpythonClassesNotRun says which.

// A speaker has what CPython's test registers twice, with different methods exposed.
type speaker struct{}

var (
	errSpeaker = errors.New("the speaker has lost its voice")

	speakers   = manager.RegisterGo("integration.speaker", newSpeaker, &manager.GoOptions[speaker]{Methods: []string{"F", "G"}})
	whisperers = manager.RegisterGo("integration.whisperer", newSpeaker, &manager.GoOptions[speaker]{Methods: []string{"F", "H"}})
	squares    = manager.RegisterGo("integration.squares", newSquares, nil)
)

func init() { wire.RegisterError("integration.speaker", errSpeaker) }

func newSpeaker(context.Context, struct{}) (*speaker, error) { return &speaker{}, nil }

// F speaks.
func (*speaker) F() string { return "f()" }

// G fails.
func (*speaker) G() error { return errSpeaker }

// H whispers.
func (*speaker) H() string { return "_h()" }

// A squareRoot yields squares, as a generator does.
type squareRoot struct {
	next atomic.Int64
	end  int64
}

func newSquares(_ context.Context, n int64) (*squareRoot, error) { return &squareRoot{end: n}, nil }

// Next returns the next square, or io.EOF.
func (s *squareRoot) Next() (int64, error) {
	if i := s.next.Add(1) - 1; i < s.end {
		return i * i, nil
	}
	return 0, io.EOF
}

// must returns value, or ends the test program with the error: for what a test is not about.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// As _TestMyManager: a type has the methods that it was registered with, errors arrive, a generator is an object, and the
// manager's process exits with status 0.
func TestCPythonMyManager(t *testing.T) {
	ctx := t.Context()
	m := must(manager.Start(ctx, nil))
	defer m.Close()
	foo, bar := must(speakers.New(ctx, m, struct{}{}, nil)), must(whisperers.New(ctx, m, struct{}{}, nil))
	for _, p := range []*manager.Proxy{foo, bar} {
		if got, err := manager.Call[string](ctx, p, "F"); got != "f()" || err != nil {
			t.Errorf("F of %v: %q, %v", p, got, err)
		}
	}
	if err := manager.Do(ctx, foo, "G"); !errors.Is(err, errSpeaker) {
		t.Errorf("an error: %v", err)
	}
	if got, err := manager.Call[string](ctx, bar, "H"); got != "_h()" || err != nil {
		t.Errorf("H: %q, %v", got, err)
	}
	for method, p := range map[string]*manager.Proxy{"H": foo, "G": bar, "h": bar, "": foo} {
		if err := manager.Do(ctx, p, method); !errors.Is(err, manager.ErrNoSuchMethod) {
			t.Errorf("%q, which is not exposed: %v", method, err)
		}
	}
	baz := must(squares.New(ctx, m, 10, nil))
	for i := range int64(10) {
		if got, err := manager.Call[int64](ctx, baz, "Next"); got != i*i || err != nil {
			t.Errorf("element %d is %d, %v", i, got, err)
		}
	}
	for range 2 {
		if _, err := manager.Call[int64](ctx, baz, "Next"); !errors.Is(err, io.EOF) {
			t.Errorf("after the last: %v", err)
		}
	}
	if err := errors.Join(m.Shutdown(ctx), m.Wait(ctx)); err != nil || m.Process().ExitCode() != 0 {
		t.Errorf("exit status %d, %v", m.Process().ExitCode(), err)
	}
}

// A farManager is what a process needs that is to connect by itself.
type farManager struct {
	Address string
	Key     []byte
	Values  []any
}

var putFar = spawn.Register(putIntoFarQueue)

func putIntoFarQueue(ctx context.Context, far farManager) error {
	m, err := manager.Connect(ctx, far.Address, &manager.Options{Key: far.Key, InsecureTCP: true})
	if err != nil {
		return err
	}
	q, err := mpsync.NewQueue[any](ctx, m, 0, mpsync.Named("queue"), mpsync.Pinned())
	if err == nil {
		err = q.Put(ctx, far.Values)
	}
	return errors.Join(err, m.Close())
}

func run[A any](t *testing.T, entry *spawn.Entry[A], arg A) {
	t.Helper()
	p := must(entry.Start(t.Context(), arg, nil))
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// As _TestRemoteManager and _TestManagerRestart: several connect to an address with the key, what is not plain text
// arrives, and a manager can be started at the address of one that has just ended.
func TestCPythonRemoteManager(t *testing.T) {
	ctx := t.Context()
	o := &manager.Options{Address: "tcp:127.0.0.1:0", Key: make([]byte, 32), InsecureTCP: true}
	must(rand.Read(o.Key))
	values := []any{
		"hello world", nil, true, 2.25, "hall\u00e5 v\u00e4rlden", "\u043f\u0440\u0438\u0432\u0456\u0442 \u0441\u0432\u0456\u0442",
		[]byte("hall\xe5 v\xe4rlden"), []any{int64(1), math.Inf(-1)},
	}
	for range 3 {
		m := must(manager.Start(ctx, o))
		o.Address = m.Address()
		run(t, putFar, farManager{m.Address(), o.Key, values})
		other := must(manager.Connect(ctx, m.Address(), o))
		q := must(mpsync.NewQueue[any](ctx, other, 0, mpsync.Named("queue"), mpsync.Pinned()))
		if diff := cmp.Diff(any(values), must(q.Get(ctx))); diff != "" {
			t.Errorf("what was put (-want +got):\n%s", diff)
		}
		if err := q.Put(ctx, func() {}); !errors.Is(err, wire.ErrUnsupportedType) {
			t.Errorf("put a function: %v", err)
		}
		if n, err := q.Len(ctx); n != 0 || err != nil {
			t.Errorf("%d items, %v", n, err)
		}
		if err := m.Shutdown(ctx); err != nil { // with the other session open
			t.Error(err)
		}
		if _, err := q.Len(ctx); !errors.Is(err, manager.ErrManagerLost) {
			t.Errorf("a proxy of the manager that has ended: %v", err)
		}
		other.Close()
	}
}

// Where nobody listens is told at once, and how.
func TestCPythonConnectionRefused(t *testing.T) {
	free := must(net.Listen("tcp", "127.0.0.1:0"))
	defer free.Close()
	tcp := "tcp:" + free.Addr().String()
	free.Close()
	stale := filepath.Join(t.TempDir(), "stale")
	l := must(net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"}))
	l.SetUnlinkOnClose(false)
	l.Close()
	for address, want := range map[string]error{
		tcp:                                     syscall.ECONNREFUSED,
		"unix:" + stale:                         syscall.ECONNREFUSED,
		"unix:" + filepath.Dir(stale) + "/none": fs.ErrNotExist,
	} {
		m, err := manager.Connect(t.Context(), address, &manager.Options{
			Key: []byte("any"), InsecureTCP: strings.HasPrefix(address, "tcp:"),
		})
		if !errors.Is(err, want) || m != nil {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
}

var (
	addInManager = manager.RegisterInitializer(addOneInManager)
	addInWorker  = pool.RegisterInitializer(addOneInWorker)
)

func addOneInManager(ctx context.Context, _ *manager.Manager, n *mpsync.Namespace) error {
	return addOneInWorker(ctx, n)
}

func addOneInWorker(ctx context.Context, n *mpsync.Namespace) error {
	defer n.Close()
	_, err := mpsync.Attr[int](n, "test").Add(ctx, 1)
	return err
}

// As TestInitializers: the initializers of managers and pools may use shared objects, of another manager too.
func TestCPythonInitializers(t *testing.T) {
	ctx := t.Context()
	m := must(manager.Start(ctx, nil))
	defer func() {
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	n := must(mpsync.NewNamespace(ctx, m))
	test := mpsync.Attr[int](n, "test")
	expect := func(what string, want int) {
		t.Helper()
		if got, err := test.Get(ctx); got != want || err != nil {
			t.Errorf("%s: %d, want %d, %v", what, got, want, err)
		}
	}
	second := must(manager.Start(ctx, &manager.Options{Initializer: addInManager.With(n)}))
	expect("after a manager's start", 1)
	if err := second.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	p := must(pool.New(ctx, &pool.Options{Workers: 1, Initializer: addInWorker.With(n)}))
	if err := p.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	expect("after a pool's start", 2)
	h := must(pool.NewHosted(ctx, m, &pool.Options{Workers: 1, Initializer: addInWorker.With(n)}, nil))
	if err := h.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	h.Close()
	expect("after a hosted pool's start", 3)
	n.Close()
	multiproctest.CheckManagerEmpty(t, m)
}
