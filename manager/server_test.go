package manager_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

func TestObjectThroughItsProxy(t *testing.T) {
	s, m := server(t, nil)
	ctx := t.Context()
	p := must(manager.Create(ctx, m, "box", nil, nil))
	defer p.Close()
	if _, err := p.Invoke(ctx, "Put", []byte{7}); err != nil {
		t.Fatal(err)
	}
	if got := must(p.Invoke(ctx, "Peek", nil)); !slices.Equal(got, []byte{7}) {
		t.Errorf("got %v", got)
	}
	if got := must(p.Value(ctx)); !slices.Equal(got, []byte{7}) {
		t.Errorf("value %v", got)
	}
	if got := must(p.Describe(ctx)); got != "box of 1" {
		t.Errorf("described as %q", got)
	}
	if got := must(p.Methods(ctx)); !slices.Contains(got, "Peek") {
		t.Errorf("methods %v", got)
	}
	if got := p.String(); !strings.Contains(got, "box") || !strings.Contains(got, s.Address()) {
		t.Errorf("String %q", got)
	}
	if got := must(m.NumberOfObjects(ctx)); got != 1 {
		t.Errorf("%d objects", got)
	}
	if err := m.Ping(ctx); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfCalls(t *testing.T) {
	_, m := server(t, nil)
	ctx := t.Context()
	p := must(manager.Create(ctx, m, "box", nil, nil))
	defer p.Close()
	part := must(p.InvokeProxy(ctx, "Child", nil))
	defer part.Close()
	gone := must(p.Clone())
	if err := gone.Close(); err != nil {
		t.Error(err)
	}
	stale := must(manager.Create(ctx, m, "box", nil, nil))
	staleToken := stale.Token()
	stale.Close()
	must(m.NumberOfObjects(ctx)) // the release has arrived
	tests := []struct {
		name string
		call func() error
		want error
	}{
		{"the object's", func() error { _, err := p.Invoke(ctx, "Get", nil); return err }, errEmpty},
		{"no such method", func() error { _, err := p.Invoke(ctx, "Fly", nil); return err }, manager.ErrNoSuchMethod},
		{"no value", func() error { _, err := gateOf(t, m).Value(ctx); return err }, manager.ErrNoSuchMethod},
		{"not exposed by this type", func() error { _, err := part.Invoke(ctx, "Peek", nil); return err }, manager.ErrNoSuchMethod},
		{"no such type", func() error { _, err := manager.Create(ctx, m, "bo", nil, nil); return err }, manager.ErrNoSuchType},
		{"by methods only", func() error { _, err := manager.Create(ctx, m, "part", nil, nil); return err }, manager.ErrNoSuchType},
		{"the factory's", func() error { _, err := manager.Create(ctx, m, "box", []byte("refuse"), nil); return err }, errEmpty},
		{"closed proxy", func() error { _, err := gone.Invoke(ctx, "Peek", nil); return err }, manager.ErrClosed},
		{"stale token", func() error {
			_, err := new(manager.Proxy).UnmarshalMsg(wire.AppendToken(nil, staleToken))
			return err
		}, manager.ErrNoSuchObject},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := test.call(); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	if err := new(manager.Proxy).Close(); err != nil {
		t.Errorf("close of the zero proxy: %v", err)
	}
	if _, err := new(manager.Proxy).Invoke(ctx, "Peek", nil); err == nil {
		t.Error("the zero proxy can be called")
	}
}

func gateOf(t *testing.T, m *manager.Manager) *manager.Proxy {
	t.Helper()
	p := must(manager.Create(t.Context(), m, "gate", nil, nil))
	t.Cleanup(func() { p.Close() })
	return p
}

func TestPanicIsAReplyWithItsStack(t *testing.T) {
	_, m := server(t, nil)
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	defer p.Close()
	_, err := p.Invoke(t.Context(), "Panic", nil)
	var remote *wire.RemoteError
	if !errors.As(err, &remote) || !remote.Panic || !strings.Contains(remote.Message, "the box burst") ||
		!strings.Contains(remote.Stack, "types_test.go") {
		t.Errorf("got %+v", err)
	}
	if _, err := manager.Create(t.Context(), m, "box", []byte("panic"), nil); !errors.As(err, &remote) || !remote.Panic {
		t.Errorf("panic of a factory: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Invoke(ctx, "Silent", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a method that never answers: %v", err)
	}
}

func TestNamedObjects(t *testing.T) {
	s, m := server(t, nil)
	ctx := t.Context()
	other := must(s.Manager(ctx))
	defer other.Close()
	named := &manager.ObjectOptions{Name: "the box"}
	a := must(manager.Create(ctx, m, "box", nil, named))
	b := must(manager.Create(ctx, other, "box", nil, named))
	if !a.Equal(b) {
		t.Errorf("%v and %v have one name", a, b)
	}
	for says, create := range map[string]func() (*manager.Proxy, error){
		"is a box":         func() (*manager.Proxy, error) { return manager.Create(ctx, m, "gate", nil, named) },
		"other parameters": func() (*manager.Proxy, error) { return manager.Create(ctx, m, "box", []byte{1}, named) },
		"is not pinned": func() (*manager.Proxy, error) {
			return manager.Create(ctx, m, "box", nil, &manager.ObjectOptions{Name: "the box", Pinned: true})
		},
	} {
		if _, err := create(); !errors.Is(err, manager.ErrExists) || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, and want that the object %s", err, says)
		}
	}
	a.Close()
	if got := must(b.Describe(ctx)); got != "box of 0" { // the other's reference keeps it
		t.Error(got)
	}
	b.Close()
	eventually(t, "the name is free", func() bool { return must(m.NumberOfObjects(ctx)) == 0 })
	c := must(manager.Create(ctx, m, "gate", nil, named)) // another type may have it now
	c.Close()
	pinned := &manager.ObjectOptions{Name: "pinned", Pinned: true}
	must(manager.Create(ctx, m, "box", nil, pinned)).Close()
	if got := must(m.NumberOfObjects(ctx)); got != 1 {
		t.Errorf("%d objects, one of them pinned", got)
	}
	again := must(manager.Create(ctx, other, "box", nil, pinned))
	again.Close()
	unpinned := &manager.ObjectOptions{Name: "pinned"}
	if _, err := manager.Create(ctx, m, "box", nil, unpinned); !errors.Is(err, manager.ErrExists) || !strings.Contains(err.Error(), "as Pinned too") {
		t.Errorf("a pinned object, asked for as one that is not: %v", err)
	}
}

func TestInfo(t *testing.T) {
	s, m := server(t, &manager.Options{Name: "records"})
	ctx := t.Context()
	p := must(manager.Create(ctx, m, "gate", nil, &manager.ObjectOptions{Name: "entrance"}))
	must(p.Invoke(ctx, "Hold", nil))
	waiting := make(chan error, 1)
	waitCtx, cancel := context.WithCancel(ctx)
	go func() { _, err := p.Invoke(waitCtx, "Wait", nil); waiting <- err }()
	var info *manager.Info
	eventually(t, "one waits", func() bool {
		info = must(m.Info(ctx))
		return len(info.Objects[0].Waiters) == 1 && info.Sessions[0].Calls == 1
	})
	session := info.Sessions[0]
	want := manager.ObjectInfo{
		ID: p.Token().ID, Type: "gate", Name: "entrance", References: 1, Sessions: []uint64{session.ID},
		Summary: "1 wait", Holders: []uint64{session.ID}, Waiters: []uint64{session.ID},
	}
	if diff := cmp.Diff(want, info.Objects[0]); diff != "" {
		t.Errorf("object (-want +got):\n%s", diff)
	}
	if info.Name != "records" || info.Address != s.Address() || info.PID != os.Getpid() || session.PID != os.Getpid() ||
		!session.Local || session.References != 1 || session.Calls != 1 {
		t.Errorf("info %+v", info)
	}
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiter: %v", err)
	}
	p.Close()
}

func TestSocketVanishesAndTheAddressIsFree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for range 3 {
		s := must(manager.NewServer(&manager.Options{Address: "unix:" + path}))
		if _, err := manager.NewServer(&manager.Options{Address: "unix:" + path}); err == nil {
			t.Fatal("two servers at one address")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the socket is still there: %v", err)
		}
	}
}

func TestSocketWithoutAnAddress(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := must(manager.NewServer(nil))
	left := must(os.ReadDir(os.TempDir()))
	path := strings.TrimPrefix(s.Address(), "unix:")
	switch {
	case runtime.GOOS == "linux":
		if len(left) != 0 {
			t.Errorf("the file system has %v", left)
		}
	case len(left) != 1 || must(left[0].Info()).Mode().Perm() != 0o700:
		t.Errorf("the file system has %v", left)
	}
	if info := must(os.Stat(path)); info.Mode().Type() != os.ModeSocket {
		t.Errorf("%s has mode %v", path, info.Mode())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if left := must(os.ReadDir(os.TempDir())); len(left) != 0 {
		t.Errorf("the file system has %v", left)
	}
}
