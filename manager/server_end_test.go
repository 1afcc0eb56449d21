package manager_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
)

func TestServerShutdownWaitsForItsClients(t *testing.T) {
	s := must(manager.NewServer(nil))
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background()) }()
	client := must(manager.Connect(t.Context(), s.Address(), nil))
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	eventually(t, "nobody else can connect", func() bool {
		other, err := manager.Connect(t.Context(), s.Address(), nil)
		if err == nil {
			other.Close()
		}
		return err != nil
	})
	if err := client.Ping(t.Context()); err != nil {
		t.Errorf("the client that is there: %v", err)
	}
	client.Close()
	if err := errors.Join(<-ended, <-served); err != nil {
		t.Error(err)
	}
}

func TestServerShutdownInTime(t *testing.T) {
	s := must(manager.NewServer(nil))
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background()) }()
	client := must(manager.Connect(t.Context(), s.Address(), nil))
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	<-client.Lost()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestServerEnds(t *testing.T) {
	for name, end := range map[string]func(*manager.Server, *manager.Manager, context.CancelFunc) error{
		"closed": func(s *manager.Server, _ *manager.Manager, _ context.CancelFunc) error { return s.Close() },
		"shut down by a client": func(_ *manager.Server, m *manager.Manager, _ context.CancelFunc) error {
			return m.Shutdown(context.Background())
		},
		"cancelled": func(_ *manager.Server, _ *manager.Manager, cancel context.CancelFunc) error { cancel(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := must(manager.NewServer(nil))
			served := make(chan error, 1)
			go func() { served <- s.Serve(ctx) }()
			m := must(manager.Connect(t.Context(), s.Address(), nil))
			defer m.Close()
			p := must(ledgers.New(t.Context(), m, "Ida", &manager.ObjectOptions{Name: "pinned", Pinned: true}))
			if err := end(s, m, cancel); err != nil {
				t.Error(err)
			}
			if err := <-served; (name == "cancelled") != errors.Is(err, context.Canceled) || name != "cancelled" && err != nil {
				t.Errorf("serve: %v", err)
			}
			<-p.Lost()
			awaitClosed(t, "Ida")
			if _, err := s.Manager(t.Context()); !errors.Is(err, manager.ErrClosed) {
				t.Errorf("a session with what is closed: %v", err)
			}
		})
	}
}

// Any of these may be called at any time, from anywhere, and again.
func TestEndsInEveryOrder(t *testing.T) {
	for range 20 {
		s := must(manager.NewServer(nil))
		m := must(s.Manager(t.Context()))
		p := must(manager.Create(t.Context(), m, "box", nil, nil))
		var running sync.WaitGroup
		for _, end := range []func() error{
			s.Close, m.Close, p.Close, s.Close, m.Close, p.Close,
			func() error { return s.Serve(t.Context()) },
			func() error { return s.Shutdown(context.Background()) },
			func() error { p.Invoke(t.Context(), "Peek", nil); return nil },
		} {
			running.Go(func() {
				if err := end(); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if err := errors.Join(s.Close(), m.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestTwoSessionsOfOneProcess(t *testing.T) {
	s, m := server(t, nil)
	ctx := t.Context()
	other := must(s.Manager(ctx))
	defer other.Close()
	container := must(manager.Create(ctx, other, "box", nil, nil))
	item := must(manager.Create(ctx, m, "box", nil, nil))
	must(container.Invoke(ctx, "Put", must(item.MarshalMsg(nil))))
	item.Close()
	got := receive(t, must(container.Invoke(ctx, "Get", nil))) // through the other session
	checkUsable(t, got)
	if m, err := got.Manager(); err != nil || m.Close() != nil || got.Close() != nil {
		t.Errorf("%v", err)
	}
	container.Close()
	checkUsable(t, must(manager.Create(ctx, other, "box", nil, nil))) // its session is still open
}
