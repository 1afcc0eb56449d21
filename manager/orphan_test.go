package manager_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
)

// An owner is a process that starts a manager, and another process with a proxy.
type owner struct{ Pipe *spawn.PipeEnd }

var owning = spawn.RegisterNamed("manager_test.own", own)

// owned is what it tells of that.
type owned struct {
	Address string
	PID     int
}

func own(ctx context.Context, o owner) error {
	m, err := manager.Start(ctx, nil)
	if err != nil {
		return err
	}
	p, err := manager.Create(ctx, m, "gate", nil, nil)
	if err != nil {
		return err
	}
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		return err
	}
	if _, err := visiting.Start(ctx, visitor{Pipe: theirs, Gate: p, Wait: true}, nil); err != nil {
		return err
	}
	if _, err := ours.Receive(); err != nil {
		return err
	}
	if err := spawn.SendValue(o.Pipe, owned{m.Address(), m.Process().PID()}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil // the finalizers end the manager
}

func TestManagerEndsWithItsOwner(t *testing.T) {
	for name, end := range map[string]func(*spawn.Process) error{
		"killed":     (*spawn.Process).Kill,
		"terminated": (*spawn.Process).Terminate,
		"asked":      (*spawn.Process).Ask,
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs, err := spawn.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			p := must(owning.Start(t.Context(), owner{theirs}, nil))
			told := must(spawn.ReceiveValue[owned](ours))
			server := must(finalize.Identify(told.PID))
			if err := end(p); err != nil {
				t.Fatal(err)
			}
			<-p.Done()
			path := strings.TrimPrefix(told.Address, "unix:")
			eventually(t, "the manager is gone, and its socket", func() bool {
				_, err := os.Lstat(path)
				return errors.Is(err, os.ErrNotExist) && !server.Alive()
			})
		})
	}
}

func TestStoppedManagerHoldsNobodyForEver(t *testing.T) {
	m := must(manager.Start(t.Context(), &manager.Options{VerdictTimeout: 100 * time.Millisecond}))
	defer m.Close()
	g := must(manager.Create(t.Context(), m, "gate", nil, nil))
	if err := m.Process().Identity().Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is stopped", func() bool {
		status := must(os.ReadFile(fmt.Sprintf("/proc/%d/status", m.Process().PID())))
		return strings.Contains(string(status), "State:\tT")
	})
	other := make(chan error, 1)
	go func() { _, err := g.Invoke(context.Background(), "Wait", nil); other <- err }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := g.Invoke(ctx, "Hold", nil); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("a call whose context has ended: %v", err)
	}
	if err := <-other; !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("a call of the same session: %v", err)
	}
}

func TestSessionEndsInSpiteOfAMethodThatGoesOn(t *testing.T) {
	deaf = make(chan struct{})
	_, m := server(t, &manager.Options{VerdictTimeout: time.Minute, Grace: time.Minute})
	p := must(ledgers.New(t.Context(), m, "Ann", &manager.ObjectOptions{Name: "ledger"}))
	v := startVisitorOf(t, p)
	eventually(t, "it is called", func() bool { return callsOf(t, m) == 1 })
	began := time.Now()
	if err := v.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its session has ended", func() bool { return len(must(m.Info(t.Context())).Sessions) == 1 })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	close(deaf)
	p.Close()
}

func callsOf(t *testing.T, m *manager.Manager) (n int) {
	t.Helper()
	for _, s := range must(m.Info(t.Context())).Sessions {
		n += s.Calls
	}
	return n
}

var (
	deaf   chan struct{} // what DeafForLong waits for
	losing = spawn.RegisterNamed("manager_test.lose", lose)
)

// DeafForLong waits for the test.
func (l *ledger) DeafForLong() { <-deaf }

func lose(ctx context.Context, p *manager.Proxy) error { return manager.Do(ctx, p, "DeafForLong") }

func startVisitorOf(t *testing.T, p *manager.Proxy) *spawn.Process {
	t.Helper()
	process := must(losing.Start(t.Context(), p, nil))
	t.Cleanup(func() {
		if err := process.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return process
}
