package manager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

func init() {
	manager.RegisterType(manager.Type{
		Name: "box", New: newBox, Methods: []string{"Put", "Get", "Peek", "Panic", "Silent", "Child"},
	})
	manager.RegisterType(manager.Type{Name: "gate", New: newGate, Methods: []string{"Hold", "Wait", "Open", "Ended"}})
	manager.RegisterType(manager.Type{Name: "part", ByMethodsOnly: true, Methods: []string{"Put", "Get"}})
}

const (
	methodPut = "Put"
	methodGet = "Get"
)

// A box is a stack of values.
type box struct {
	host *manager.Host

	mu     sync.Mutex // guards values
	values [][]byte
}

var errEmpty = errors.New("the box is empty")

func init() { wire.RegisterError("manager_test.empty", errEmpty) }

func newBox(argument []byte, host *manager.Host) (manager.Object, error) {
	if string(argument) == "refuse" {
		return nil, errEmpty
	}
	if string(argument) == "panic" {
		panic("no box today")
	}
	return &box{host: host}, nil
}

func (b *box) Call(c *manager.Request) {
	switch c.Method {
	case methodPut:
		if err := b.host.Keep(c.Argument); err != nil {
			c.Fail(err)
			return
		}
		b.mu.Lock()
		b.values = append(b.values, c.Argument)
		b.mu.Unlock()
		c.Return(nil)
	case methodGet, "Peek":
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.values) == 0 {
			c.Fail(errEmpty)
			return
		}
		value := b.values[len(b.values)-1]
		c.Return(value)
		if c.Method == methodGet {
			b.values = b.values[:len(b.values)-1]
			b.host.Drop(value)
		}
	case "Panic":
		panic("the box burst")
	case "Child":
		c.ReturnObject("part", func(host *manager.Host) (manager.Object, error) { return &box{host: host}, nil })
	}
}

func (b *box) Value() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Concat(b.values...), nil
}

func (b *box) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("box of %d", len(b.values))
}

// A gate lets waiters through when it is opened, first come first served, one each time.
type gate struct {
	mu      sync.Mutex // guards the fields below
	waiters []*manager.Request
	holders []*manager.Session
	ended   int
}

func newGate([]byte, *manager.Host) (manager.Object, error) { return &gate{}, nil }

func (g *gate) Call(c *manager.Request) {
	switch c.Method {
	case "Hold":
		g.mu.Lock()
		g.holders = append(g.holders, c.Session)
		g.mu.Unlock()
		c.Return(nil)
	case "Wait":
		g.mu.Lock()
		g.waiters = append(g.waiters, c)
		g.mu.Unlock()
		c.OnCancel(func() { g.giveUp(c) })
	case "Open":
		g.mu.Lock()
		var first *manager.Request
		if len(g.waiters) > 0 {
			first = g.waiters[0]
			g.waiters = g.waiters[1:]
		}
		g.mu.Unlock()
		if first != nil {
			first.Return(first.Argument)
		}
		c.Return(nil)
	case "Ended":
		g.mu.Lock()
		defer g.mu.Unlock()
		c.Return([]byte{byte(g.ended)})
	}
}

func (g *gate) giveUp(c *manager.Request) {
	g.mu.Lock()
	at := slices.Index(g.waiters, c)
	if at >= 0 {
		g.waiters = slices.Delete(g.waiters, at, at+1)
	}
	g.mu.Unlock()
	if at >= 0 {
		c.Fail(context.Canceled)
	}
}

func (g *gate) SessionEnded(s *manager.Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended++
	g.holders = slices.DeleteFunc(g.holders, func(h *manager.Session) bool { return h == s })
}

func (g *gate) Inspect() manager.Inspection {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := manager.Inspection{Summary: fmt.Sprintf("%d wait", len(g.waiters)), Holders: slices.Clone(g.holders)}
	for _, c := range g.waiters {
		i.Waiters = append(i.Waiters, c.Session)
	}
	return i
}

// server starts a server with a session in this process, and checks at the end that nothing is left in it.
func server(t *testing.T, o *manager.Options) (*manager.Server, *manager.Manager) {
	t.Helper()
	s, err := manager.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	m := must(s.Manager(t.Context()))
	t.Cleanup(func() {
		checkEmpty(t, m)
		if err := m.Close(); err != nil {
			t.Errorf("close the session: %v", err)
		}
	})
	return s, m
}

// must returns value, or ends the test program with the error: for what the test is not about.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// eventually asks again until the answer is yes.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	for !yes() {
		if ctx.Err() != nil {
			t.Fatalf("not within %v: %s", waitLimit, what)
		}
		pause(ctx)
	}
}

// checkEmpty checks that no object is left, but for those that are pinned, and nothing is on its way.
func checkEmpty(t *testing.T, m *manager.Manager) {
	t.Helper()
	eventually(t, "the manager is empty", func() bool {
		info, err := m.Info(context.Background())
		if err != nil {
			return errors.Is(err, manager.ErrManagerLost) || errors.Is(err, manager.ErrClosed)
		}
		left := slices.DeleteFunc(info.Objects, func(o manager.ObjectInfo) bool { return o.Pinned && o.References == 1 })
		return len(left) == 0 && info.InTransit == 0
	})
}
