package manager_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// Tokens carried the address that the manager listens at, "0.0.0.0", which is of no use elsewhere.
func TestAdvertisedAddress(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.2:0"); err != nil {
		t.Skip("this system has one loopback address:", err)
	} else if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	o := &manager.Options{
		Address: "tcp:0.0.0.0:0", Advertise: "tcp:127.0.0.2:0", Key: []byte("secret"), InsecureTCP: true,
	}
	m := must(manager.Start(t.Context(), o))
	defer m.Close()
	if !strings.HasPrefix(m.Address(), "tcp:127.0.0.2:") || strings.HasSuffix(m.Address(), ":0") {
		t.Fatalf("address %s", m.Address())
	}
	elsewhere := must(manager.Connect(t.Context(), m.Address(), &manager.Options{Key: o.Key, InsecureTCP: true}))
	defer elsewhere.Close()
	p := must(manager.Create(t.Context(), elsewhere, "box", nil, nil))
	if p.Token().Address != m.Address() || must(m.Info(t.Context())).Address != m.Address() {
		t.Errorf("the proxy is at %s", p.Token().Address)
	}
	c := start(t, p, nil)
	p.Close()
	c.do("put")
	got := adopt(t, c.do("dispatch"))
	checkUsable(t, got)
	got.Close()
	checkEmpty(t, m)
}

// What a manager advertises need not be reachable from everywhere: children go the way that their parent went.
func TestChildGoesTheWayOfItsParent(t *testing.T) {
	for _, where := range []string{"process", "server"} {
		t.Run(where, func(t *testing.T) {
			o := &manager.Options{
				Address: "tcp:127.0.0.1:0", Advertise: "tcp:manager.invalid:9", Key: []byte("secret"), InsecureTCP: true,
			}
			var m *manager.Manager
			if where == "process" {
				m = must(manager.Start(t.Context(), o))
				defer m.Close()
			} else {
				_, m = server(t, o)
			}
			if m.Address() != o.Advertise {
				t.Errorf("address %s", m.Address())
			}
			p := must(manager.Create(t.Context(), m, "box", nil, nil))
			c := start(t, p, nil)
			p.Close()
			c.do("put")
			c.do("close")
			checkEmpty(t, m)
		})
	}
}

func TestAdvertisedAddressThatNobodyCanReach(t *testing.T) {
	for listen, advertise := range map[string]string{
		"":                "tcp:127.0.0.1:1",
		"unix:/tmp/s":     "tcp:127.0.0.1:1",
		"tcp:0.0.0.0:0":   "unix:/tmp/s",
		"tcp:127.0.0.1:0": "tcp:127.0.0.1",
		"tcp:127.0.0.2:0": "tcp:0.0.0.0:7",
		"tcp:127.0.0.3:0": "tcp:[::]:7",
		"tcp:127.0.0.4:0": "tcp::7",
		"tcp:127.0.0.5:0": "tcp:host:http",
		"tcp:127.0.0.6:0": "tcp:host:70000",
	} {
		o := manager.Options{Address: listen, Advertise: advertise, InsecureTCP: strings.HasPrefix(listen, "tcp")}
		s, err := manager.NewServer(&o)
		if err == nil {
			t.Errorf("%q at %q is accepted", advertise, listen)
			s.Close()
			continue
		}
		if !strings.Contains(err.Error(), "Advertise") {
			t.Errorf("%q at %q: %v", advertise, listen, err)
		}
	}
}

// An argument beyond the manager's limit, and within the client's, cost the client its session.
func TestArgumentTooLargeForTheManager(t *testing.T) {
	const limit = 64 << 10
	m := started(t, &manager.Options{MaxMessage: limit})
	other := must(manager.Connect(t.Context(), m.Address(), &manager.Options{MaxMessage: 1 << 20}))
	defer other.Close()
	small := must(manager.Connect(t.Context(), m.Address(), &manager.Options{MaxMessage: limit}))
	defer small.Close()
	if other.MaxMessage() != limit || small.MaxMessage() != limit {
		t.Errorf("limits %d, %d", other.MaxMessage(), small.MaxMessage())
	}
	p := must(manager.Create(t.Context(), other, "box", nil, nil))
	defer p.Close()
	if _, err := p.Invoke(t.Context(), "Put", make([]byte, limit+1)); !errors.Is(err, wire.ErrFrameTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := manager.Create(t.Context(), other, "box", make([]byte, limit), nil); !errors.Is(err, wire.ErrFrameTooLarge) {
		t.Errorf("too large to create with: %v", err)
	}
	if _, err := p.Invoke(t.Context(), "Put", make([]byte, limit)); err != nil {
		t.Errorf("as large as may be: %v", err)
	}
	if err := other.Ping(t.Context()); err != nil {
		t.Errorf("the session: %v", err)
	}
}

// A result beyond the client's own limit, and within the manager's, cost the client its session; and so did several
// arguments at once, each of them within the manager's limit, where the client's was larger.
func TestClientAndManagerWithOtherLimits(t *testing.T) {
	const limit = 1 << 20
	m := started(t, &manager.Options{MaxMessage: limit})
	large := must(manager.Connect(t.Context(), m.Address(), &manager.Options{Key: m.Key()}))
	defer large.Close()
	small := must(manager.Connect(t.Context(), m.Address(), &manager.Options{Key: m.Key(), MaxMessage: limit / 2}))
	defer small.Close()
	p := must(manager.Create(t.Context(), large, "box", nil, &manager.ObjectOptions{Name: "box"}))
	defer p.Close()
	value := must(wire.AppendValue(nil, make([]byte, limit-100)))
	var puts sync.WaitGroup
	for range 32 {
		puts.Go(func() {
			if _, err := p.Invoke(t.Context(), "Put", value); err != nil {
				t.Error(err)
			}
		})
	}
	puts.Wait()
	q := must(manager.Create(t.Context(), small, "box", nil, &manager.ObjectOptions{Name: "box"}))
	defer q.Close()
	if _, err := q.Invoke(t.Context(), "Peek", nil); !errors.Is(err, wire.ErrFrameTooLarge) {
		t.Errorf("a result that is too large: %v", err)
	}
	if err := small.Ping(t.Context()); err != nil {
		t.Errorf("the session: %v", err)
	}
}
