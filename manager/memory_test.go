package manager_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
)

// letRun returns after so long, in which the others have come somewhere.
func letRun(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// A looker is a process that calls without end, over shared memory where that is.
type looker struct {
	Pipe *spawn.PipeEnd
	Gate *manager.Proxy
}

var looking = spawn.RegisterNamed("manager_test.look", func(ctx context.Context, l looker) error {
	if _, err := l.Gate.Invoke(ctx, "Hold", nil); err != nil {
		return err
	}
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() { failed <- callUntil(ctx, l.Gate) }()
	}
	if err := l.Pipe.Send(nil); err != nil {
		return err
	}
	return <-failed
})

// callUntil calls until that fails, and returns why.
func callUntil(ctx context.Context, g *manager.Proxy) error {
	for n := 0; ; n++ {
		if _, err := g.Invoke(ctx, "Ended", make([]byte, n%600)); err != nil {
			return err
		}
	}
}

func startLooker(t *testing.T, g *manager.Proxy) *spawn.Process {
	t.Helper()
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	process := must(looking.Start(t.Context(), looker{theirs, g}, nil))
	t.Cleanup(func() {
		if err := process.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	must(ours.Receive())
	return process
}

// Whoever looks for a reply in shared memory when the manager is killed learns of it as soon as who sleeps.
func TestKilledManagerFailsCallersThatLook(t *testing.T) {
	for range 8 {
		m := must(manager.Start(t.Context(), nil))
		g := gateOf(t, m)
		const callers = 5
		failed := make(chan error, callers)
		for range callers {
			go func() { failed <- callUntil(context.Background(), g) }()
		}
		letRun(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		if err := m.Process().Kill(); err != nil {
			t.Fatal(err)
		}
		limit := time.After(time.Second)
		for i := range callers {
			select {
			case err := <-failed:
				if !errors.Is(err, manager.ErrManagerLost) {
					t.Errorf("caller: %v", err)
				}
			case <-limit:
				t.Fatalf("%d callers hang a second after the death of the manager", callers-i)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A client that is killed while it publishes leaves nothing, and disturbs nobody.
func TestKilledClientThatLooks(t *testing.T) {
	m := started(t, nil)
	g := gateOf(t, m)
	for range 6 {
		clients := []*spawn.Process{startLooker(t, g), startLooker(t, g)}
		letRun(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		if err := clients[1].Identity().Signal(syscall.SIGSTOP); err != nil {
			t.Fatalf("%v: the client has ended by itself: %v; the manager's session: %v",
				err, clients[1].Wait(context.Background()), m.Ping(context.Background()))
		}
		checkResponsive(t, m)
		for _, c := range clients {
			if err := c.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "nobody holds", func() bool {
			o := must(m.Info(t.Context())).Objects[0]
			return len(o.Holders) == 0 && o.References == 1
		})
		checkResponsive(t, m)
	}
}

// A manager that is stopped for a moment answers afterwards; one that stays so loses the session of who gives up.
func TestStoppedManagerAndCallersThatLook(t *testing.T) {
	m := started(t, nil)
	g := gateOf(t, m)
	identity := m.Process().Identity()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 3)
	for range cap(failed) {
		go func() { failed <- callUntil(ctx, g) }()
	}
	for range 5 {
		letRun(10 * time.Millisecond)
		if err := identity.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		letRun(20 * time.Millisecond)
		if err := identity.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	checkResponsive(t, m)
	if err := identity.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	cancel()
	limit := time.After(5 * time.Second)
	for range cap(failed) {
		select {
		case err := <-failed:
			if !errors.Is(err, context.Canceled) && !errors.Is(err, manager.ErrManagerLost) {
				t.Error(err)
			}
		case <-limit:
			t.Fatal("a caller waits for a manager that is stopped")
		}
	}
	if err := identity.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// Without shared memory everything goes as with it.
func TestNoSharedMemory(t *testing.T) {
	o := &manager.Options{NoSharedMemory: true}
	m := started(t, o)
	for _, theirs := range []*manager.Options{{Key: m.Key()}, {Key: m.Key(), NoSharedMemory: true}} {
		session := must(manager.Connect(t.Context(), m.Address(), theirs))
		for range 50 {
			if err := session.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
}
