package sync_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
)

// checked runs the tests, and then looks for what they left behind.
type checked struct{ tests *testing.M }

func (c checked) Run() int {
	code := c.tests.Run()
	if left := spawn.ActiveChildren(); len(left) != 0 {
		fmt.Fprintln(os.Stderr, "children were left running:", left)
		code = 1
	}
	if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.loop")); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "goroutines were left behind:", err)
		code = 1
	}
	return code
}

func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" { // for children: the race detector has each exit take a second
		if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
			panic(err)
		}
	}
	spawn.TestMain(checked{m})
}

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// A host is a manager in this process with its sessions.
type host struct {
	t      testing.TB
	server *manager.Server
	watch  *manager.Manager // a session that holds nothing
}

// newHost starts a manager in this process. At the end of the test it must have no objects left, once all sessions that
// the test made have ended.
func newHost(t testing.TB) *host {
	t.Helper()
	return newHostWith(t, nil)
}

func newHostWith(t testing.TB, o *manager.Options) *host {
	t.Helper()
	server := must(manager.NewServer(o))
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- server.Serve(ctx) }()
	h := &host{t: t, server: server, watch: must(server.Manager(t.Context()))}
	t.Cleanup(func() {
		h.expectEmpty()
		cancel()
		server.Close()
		<-served
	})
	return h
}

// session opens a session, which ends with the test if it was not ended before.
func (h *host) session() *manager.Manager {
	h.t.Helper()
	m, err := manager.Connect(h.t.Context(), h.server.Address(), &manager.Options{Key: h.server.Key()})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { m.Close() })
	return m
}

// until waits for something that the manager tells of itself.
func (h *host) until(what string, so func(*manager.Info) bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var last *manager.Info
	for {
		info, err := h.watch.Info(ctx)
		if err != nil {
			h.t.Fatalf("waiting until %s: %v; last: %+v", what, err, last)
		}
		if so(info) {
			return
		}
		last = info
	}
}

func (h *host) expectEmpty() {
	h.t.Helper()
	h.until("no object is left, and no proxy is on its way", isEmpty)
}

func isEmpty(i *manager.Info) bool { return len(i.Objects) == 0 && i.InTransit == 0 }

// untilWaiting waits until so many calls wait at objects.
func (h *host) untilWaiting(n int) {
	h.t.Helper()
	h.until(fmt.Sprint(n, " calls wait"), func(i *manager.Info) bool {
		waiting := 0
		for _, o := range i.Objects {
			waiting += len(o.Waiters)
		}
		return waiting == n
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// async runs something that blocks, and returns where its result will be.
func async[T any](f func() (T, error)) <-chan outcome[T] {
	c := make(chan outcome[T], 1)
	go func() {
		v, err := f()
		c <- outcome[T]{v, err}
	}()
	return c
}

type outcome[T any] struct {
	value T
	err   error
}

// wait returns an outcome that should come soon.
func wait[T any](t testing.TB, c <-chan outcome[T]) (T, error) {
	t.Helper()
	select {
	case o := <-c:
		return o.value, o.err
	case <-time.After(patience):
		t.Fatal("it goes on waiting")
		panic("not reached")
	}
}
