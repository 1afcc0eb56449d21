package manager_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// started starts a manager in a process of its own, and shuts it down at the end.
func started(t *testing.T, o *manager.Options) *manager.Manager {
	t.Helper()
	m := must(manager.Start(t.Context(), o))
	t.Cleanup(func() {
		checkEmpty(t, m)
		if err := m.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		checkNoSocket(t, m)
	})
	return m
}

func checkNoSocket(t *testing.T, m *manager.Manager) {
	t.Helper()
	path := strings.TrimPrefix(m.Address(), "unix:")
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", path, err)
	}
}

func TestStart(t *testing.T) {
	m := started(t, &manager.Options{Name: "records", Initializer: fill.With([]byte{3, 4})})
	ctx := t.Context()
	info := must(m.Info(ctx))
	if info.PID == os.Getpid() || info.PID != m.Process().PID() || info.Name != "records" {
		t.Errorf("info %+v", info)
	}
	p := must(manager.Create(ctx, m, "box", nil, &manager.ObjectOptions{Name: "filled", Pinned: true}))
	defer p.Close()
	for _, want := range []byte{4, 3} {
		if got := must(p.Invoke(ctx, "Get", nil)); !slices.Equal(got, []byte{want}) {
			t.Errorf("got %v, want %d", got, want)
		}
	}
}

var fill = manager.RegisterInitializer(fillBox)

func fillBox(ctx context.Context, m *manager.Manager, values []byte) error {
	p, err := manager.Create(ctx, m, "box", nil, &manager.ObjectOptions{Name: "filled", Pinned: true})
	if err != nil {
		return err
	}
	defer p.Close()
	for _, v := range values {
		if _, err := p.Invoke(ctx, "Put", []byte{v}); err != nil {
			return err
		}
	}
	if len(values) == 0 {
		return errEmpty
	}
	if values[0] == ends {
		runtime.Goexit()
	}
	return nil
}

// ends is a value at which fillBox ends its goroutine.
const ends = 255

func TestStartThatFails(t *testing.T) {
	before := spawn.ActiveChildren()
	_, err := manager.Start(t.Context(), &manager.Options{Initializer: fill.With(nil)})
	var failed *spawn.StartError
	if !errors.As(err, &failed) || !errors.Is(err, errEmpty) {
		t.Errorf("an initializer that fails: %v", err)
	}
	_, err = manager.Start(t.Context(), &manager.Options{Initializer: fill.With([]byte{ends})})
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "fillBox ended its goroutine by runtime.Goexit") {
		t.Errorf("an initializer that ends its goroutine: %v", err)
	}
	_, err = manager.Start(t.Context(), &manager.Options{
		Address: "udp:nowhere", Key: []byte{}, Grace: -1, MaxMessage: -1,
	})
	if err == nil {
		t.Fatal("bad options are accepted")
	}
	for _, fault := range []string{"udp", "Key", "Grace", "MaxMessage is -1,"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%q does not tell of %s", err, fault)
		}
	}
	if after := spawn.ActiveChildren(); len(after) != len(before) {
		t.Errorf("%d children are left", len(after)-len(before))
	}
}

func TestKilledManagerLeavesNothing(t *testing.T) {
	m := must(manager.Start(t.Context(), nil))
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	if err := m.Process().Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *spawn.ExitError
	if err := m.Wait(t.Context()); !errors.As(err, &exit) || exit.Signal != syscall.SIGKILL {
		t.Errorf("wait: %v", err)
	}
	<-m.Lost()
	<-p.Lost()
	if _, err := p.Invoke(t.Context(), "Peek", nil); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("call: %v", err)
	}
	if _, err := m.Info(t.Context()); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("info: %v", err)
	}
	checkNoSocket(t, m)
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := m.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown of what is gone: %v", err)
	}
}

func TestRestartAtTheSameAddress(t *testing.T) {
	address := "unix:" + filepath.Join(t.TempDir(), "s")
	var stale *manager.Proxy
	for round := range 4 {
		m := must(manager.Start(t.Context(), &manager.Options{Address: address}))
		if stale != nil {
			encoded := wire.AppendToken(nil, stale.Token())
			if _, err := new(manager.Proxy).UnmarshalMsg(encoded); !errors.Is(err, manager.ErrNoSuchObject) {
				t.Errorf("a token of the manager before: %v", err)
			}
		}
		stale = must(manager.Create(t.Context(), m, "box", nil, nil))
		if round%2 == 0 {
			if err := m.Close(); err != nil { // which kills it, so that its socket stays
				t.Fatal(err)
			}
			continue
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConnectFromAnotherProgram(t *testing.T) {
	key := []byte("known to both")
	m := started(t, &manager.Options{Key: key})
	other := must(manager.Connect(t.Context(), m.Address(), &manager.Options{Key: key}))
	defer other.Close()
	p := must(manager.Create(t.Context(), other, "box", nil, nil))
	p.Close()
	if _, err := manager.Connect(t.Context(), m.Address(), nil); err == nil {
		t.Error("connected without the key")
	}
	if other.Process() != nil {
		t.Error("the client owns a process")
	}
}

func TestClientShutsDown(t *testing.T) {
	m := must(manager.Start(t.Context(), nil))
	other := must(manager.Connect(t.Context(), m.Address(), nil))
	if err := other.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := m.Wait(t.Context()); err != nil {
		t.Errorf("the manager: %v", err)
	}
	if err := m.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	checkNoSocket(t, m)
}

// A manager that was killed, which is also how Close ends one, left its socket where the user had asked for one.
func TestSocketOfAKilledManagerIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	o := &manager.Options{Address: "unix:" + path}
	for name, end := range map[string]func(*manager.Manager) error{
		"Close": (*manager.Manager).Close,
		"SIGKILL": func(m *manager.Manager) error {
			err := m.Process().Kill()
			_ = m.Wait(t.Context()) // it says how the process has ended
			return err
		},
	} {
		m := must(manager.Start(t.Context(), o))
		defer m.Close()
		if err := end(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the socket is left: %v", name, err)
		}
	}
}

// The socket that somebody else has put in the place of a killed manager's is theirs.
func TestSocketOfAnotherManagerStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	o := &manager.Options{Address: "unix:" + path}
	m := must(manager.Start(t.Context(), o))
	defer m.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	next := must(manager.Start(t.Context(), o))
	defer next.Close()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	third := must(manager.Connect(t.Context(), "unix:"+path, nil))
	defer third.Close()
	if err := third.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
