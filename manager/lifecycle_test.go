package manager_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// A hazard is a type whose methods end in unusual ways.
type hazard struct{}

var hazards = manager.RegisterGo("manager_test.hazard",
	func(context.Context, struct{}) (*hazard, error) { return new(hazard), nil }, nil)

func (*hazard) Exit() { runtime.Goexit() }

func (*hazard) Close() error { panic("it will not be closed") }

func init() {
	manager.RegisterType(manager.Type{Name: "keeper that fails", New: func(argument []byte, host *manager.Host) (manager.Object, error) {
		return nil, errors.Join(host.Keep(argument), errEmpty)
	}})
}

// The call waited for ever.
func TestMethodThatEndsItsGoroutine(t *testing.T) {
	_, m := server(t, nil)
	p := must(hazards.New(t.Context(), m, struct{}{}, nil))
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	if err := manager.Do(ctx, p, "Exit"); err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Errorf("got %v", err)
	}
}

// The manager died, with all that it had.
func TestCloseThatPanics(t *testing.T) {
	m := started(t, nil)
	p := must(hazards.New(t.Context(), m, struct{}{}, nil))
	p.Close()
	other := must(hazards.New(t.Context(), m, struct{}{}, nil))
	if count := must(m.NumberOfObjects(t.Context())); count != 1 {
		t.Errorf("%d objects", count)
	}
	other.Close()
	checkEmpty(t, m)
	if err := m.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// What it had kept was kept for ever.
func TestObjectThatCannotBeMadeKeepsNothing(t *testing.T) {
	_, m := server(t, nil) // which is empty at the end
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	if _, err := manager.Create(t.Context(), m, "keeper that fails", must(p.MarshalMsg(nil)), nil); !errors.Is(err, errEmpty) {
		t.Errorf("got %v", err)
	}
	p.Close()
}

// Sessions within the server's process began nevertheless, and Shutdown waited for them.
func TestNoSessionBeginsDuringShutdown(t *testing.T) {
	s := must(manager.NewServer(nil))
	m := must(s.Manager(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	eventually(t, "no session begins", func() bool {
		late, err := s.Manager(t.Context())
		if err == nil {
			late.Close()
		}
		return errors.Is(err, manager.ErrClosed)
	})
	m.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A proxy that names a manager that has gone, and was known by an earlier one, fails and leaves nothing.
func TestDecodingAfterTheManagerHasGone(t *testing.T) {
	s := must(manager.NewServer(nil))
	m := must(s.Manager(t.Context()))
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	message := must(p.MarshalMsg(nil))
	m.Close()
	eventually(t, "the object is gone", func() bool { // over a session of the process's own
		return errors.Is(receiveError(t, message), manager.ErrNoSuchObject)
	})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := receiveError(t, message); err == nil || errors.Is(err, manager.ErrNoSuchObject) {
		t.Errorf("got %v", err)
	}
}

func receiveError(t *testing.T, message []byte) error {
	t.Helper()
	p := new(manager.Proxy)
	defer p.Close()
	_, err := p.UnmarshalMsg(message)
	if errors.Is(err, wire.ErrMalformed) {
		t.Error(err)
	}
	return err
}
