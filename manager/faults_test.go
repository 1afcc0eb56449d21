package manager_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

func TestKilledManagerFailsAllCallers(t *testing.T) {
	m := must(manager.Start(t.Context(), nil))
	p := must(manager.Create(t.Context(), m, "gate", nil, nil))
	const callers = 100
	failed := make(chan error, callers)
	for range callers {
		go func() { _, err := p.Invoke(context.Background(), "Wait", nil); failed <- err }()
	}
	eventually(t, "all wait", func() bool { return len(must(m.Info(t.Context())).Objects[0].Waiters) == callers })
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

// A visitor is a process that uses a gate.
type visitor struct {
	Pipe *spawn.PipeEnd
	Gate *manager.Proxy
	Wait bool
	Loop bool
}

var visiting = spawn.RegisterNamed("manager_test.visit", visit)

func visit(ctx context.Context, v visitor) error {
	if _, err := v.Gate.Invoke(ctx, "Hold", nil); err != nil {
		return err
	}
	if err := v.Pipe.Send(nil); err != nil {
		return err
	}
	for v.Loop && ctx.Err() == nil {
		if _, err := v.Gate.Invoke(ctx, "Ended", make([]byte, 100_000)); err != nil {
			return err
		}
	}
	if v.Wait {
		_, err := v.Gate.Invoke(ctx, "Wait", nil)
		return err
	}
	<-ctx.Done()
	return nil
}

func startVisitor(t *testing.T, v visitor) *spawn.Process {
	t.Helper()
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	v.Pipe = theirs
	process := must(visiting.Start(t.Context(), v, nil))
	t.Cleanup(func() {
		if err := process.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	must(ours.Receive())
	return process
}

func TestKilledClientLetsGoOfEverything(t *testing.T) {
	m := started(t, nil)
	g := gateOf(t, m)
	var visitors []*spawn.Process
	for i := range 4 {
		visitors = append(visitors, startVisitor(t, visitor{Gate: g, Wait: i%2 == 0}))
	}
	eventually(t, "four hold and two wait", func() bool {
		o := must(m.Info(t.Context())).Objects[0]
		return len(o.Holders) == 4 && len(o.Waiters) == 2 && o.References == 5
	})
	for _, v := range visitors {
		if err := v.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "nobody holds or waits", func() bool {
		o := must(m.Info(t.Context())).Objects[0]
		return len(o.Holders) == 0 && len(o.Waiters) == 0 && o.References == 1
	})
	if got := must(g.Invoke(t.Context(), "Ended", nil))[0]; got != 4 {
		t.Errorf("the object was told of %d sessions that ended", got)
	}
}

func TestStoppedClientDelaysNobody(t *testing.T) {
	m := started(t, nil)
	g := gateOf(t, m)
	v := startVisitor(t, visitor{Gate: g, Loop: true})
	identity := v.Identity()
	for range 5 { // wherever it is stopped, and it is writing most of the time
		if err := identity.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		checkResponsive(t, m)
		if err := identity.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	if err := identity.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// checkResponsive fails if calls take far longer than they should.
func checkResponsive(t *testing.T, m *manager.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for range 200 {
		if err := m.Ping(ctx); err != nil {
			t.Fatalf("the others: %v", err)
		}
	}
}

// raw connects to a manager as a client does, up to the first call.
func raw(t *testing.T, m *manager.Manager, key []byte) *wire.Conn {
	t.Helper()
	path := strings.TrimPrefix(m.Address(), "unix:")
	conn, err := wire.Dial(t.Context(), "unix", path, &wire.TransportOptions{Auth: wire.AuthOptions{Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// requestFrame is a call in the form of wire's PROTOCOL.md.
func requestFrame(call byte, object uint64, method string, argument []byte) []byte {
	frame := []byte{0x95, 1, call, 0xcf}
	frame = binary.BigEndian.AppendUint64(frame, object)
	frame = append(append(frame, 0xa0|byte(len(method))), method...)
	frame = binary.BigEndian.AppendUint32(append(frame, 0xce), uint32(len(argument)))
	return append(frame, argument...)
}

var preface = []byte("multiproc msgp 1")

func TestClientThatNeverReads(t *testing.T) {
	m := started(t, &manager.Options{OutputLimit: 1 << 20})
	b := must(manager.Create(t.Context(), m, "box", nil, nil))
	defer b.Close()
	large := append([]byte{0xc6, 0, 0x08, 0, 0}, make([]byte, 1<<19)...)
	if _, err := b.Invoke(t.Context(), "Put", large); err != nil {
		t.Fatal(err)
	}
	conn := raw(t, m, m.Key())
	if err := conn.WriteFrame(preface); err != nil {
		t.Fatal(err)
	}
	ended := errors.New("none")
	for call := range 100 {
		if err := conn.WriteFrame(requestFrame(byte(call%100), b.Token().ID, "Peek", nil)); err != nil {
			ended = err
			break
		}
	}
	eventually(t, "its session is ended", func() bool { return len(must(m.Info(t.Context())).Sessions) == 1 })
	checkResponsive(t, m)
	t.Log("the client's last write:", ended)
}

func TestGarbage(t *testing.T) {
	m := started(t, &manager.Options{HandshakeTimeout: 300 * time.Millisecond, MaxMessage: 1 << 20})
	valid := requestFrame(1, 0, "ping", nil)
	truncated := append([]byte{0, 0, 0, 99}, valid...)
	tests := []struct {
		name  string
		after bool // authentication
		bytes [][]byte
	}{
		{"nothing at all", false, nil},
		{"no frame", false, [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n")}},
		{"an oversized frame", false, [][]byte{{0x7f, 0xff, 0xff, 0xff}}},
		{"a negative length", false, [][]byte{{0xff, 0xff, 0xff, 0xfe}}},
		{"a truncated answer", false, [][]byte{{0, 0, 0, 40, 'x'}}},
		{"another protocol", true, [][]byte{{0, 0, 0, 2, 'h', 'i'}}},
		{"garbage for a call", true, [][]byte{framed(preface), framed([]byte{0x93, 9, 9, 9})}},
		{"a truncated call", true, [][]byte{framed(preface), truncated}},
		{"an oversized call", true, [][]byte{framed(preface), {0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}},
		{"an argument beyond the limit", true, [][]byte{framed(preface), framed([]byte{0x95, 1, 1, 0, 0xa4, 'p', 'i', 'n', 'g', 0xce, 0x7f, 0, 0, 0})}},
		{"a greeting that is none", true, [][]byte{framed(preface), framed(requestFrame(1, 0, "greet", []byte{0xc1}))}},
		{"counts that are none", true, [][]byte{framed(preface), framed(requestFrame(1, 0, "release", []byte{0x93, 1, 2, 3})), framed(requestFrame(2, 0, "create", []byte{0xdf, 0xff, 0xff, 0xff, 0xff}))}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var c net.Conn
			if test.after {
				c = raw(t, m, m.Key()).NetConn()
			} else {
				c = must(net.Dial("unix", strings.TrimPrefix(m.Address(), "unix:")))
				defer c.Close()
			}
			for _, b := range test.bytes {
				if _, err := c.Write(b); err != nil {
					break // it was refused already
				}
			}
			checkResponsive(t, m)
		})
	}
	eventually(t, "their sessions have ended", func() bool { return len(must(m.Info(t.Context())).Sessions) <= 3 })
}

func framed(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

func TestWrongKeys(t *testing.T) {
	m := started(t, &manager.Options{Key: []byte("right")})
	for _, key := range []string{"wrong", "righ", "right "} {
		_, err := manager.Connect(t.Context(), m.Address(), &manager.Options{Key: []byte(key)})
		if !errors.Is(err, wire.ErrAuthentication) {
			t.Errorf("key %q: %v", key, err)
		}
	}
	other := must(manager.Connect(t.Context(), m.Address(), &manager.Options{Key: []byte("right")}))
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

func TestSilentClientsDelayNobody(t *testing.T) {
	m := started(t, &manager.Options{HandshakeTimeout: time.Minute})
	for range 20 { // none of them answers the challenge
		c := must(net.Dial("unix", strings.TrimPrefix(m.Address(), "unix:")))
		defer c.Close()
	}
	other := must(manager.Connect(t.Context(), m.Address(), nil))
	checkResponsive(t, other)
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

func TestAThousandSessions(t *testing.T) {
	m := started(t, nil)
	g := gateOf(t, m)
	named := &manager.ObjectOptions{Name: "crowded"}
	const sessions, at = 1000, 16
	managers := make(chan *manager.Manager, sessions)
	var connecting sync.WaitGroup
	for range at {
		connecting.Go(func() {
			for range sessions / at {
				other, err := manager.Connect(t.Context(), m.Address(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				managers <- other
				p := must(manager.Create(t.Context(), other, "gate", nil, named))
				must(p.Invoke(t.Context(), "Hold", nil))
			}
		})
	}
	connecting.Wait()
	close(managers)
	info := must(m.Info(t.Context()))
	if len(info.Sessions) != 1+sessions/at*at {
		t.Errorf("%d sessions", len(info.Sessions))
	}
	checkResponsive(t, m)
	must(g.Invoke(t.Context(), "Ended", nil))
	for other := range managers {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "only one session is left", func() bool {
		info := must(m.Info(t.Context()))
		return len(info.Sessions) == 1 && len(info.Objects) == 1
	})
}

func TestAHundredThousandObjects(t *testing.T) {
	_, m := server(t, nil)
	round := func() {
		const objects, at = 100_000, 8
		var making sync.WaitGroup
		for range at {
			making.Go(func() {
				var made []*manager.Proxy
				for range objects / at {
					made = append(made, must(manager.Create(t.Context(), m, "box", nil, nil)))
				}
				for _, p := range made {
					p.Close()
				}
			})
		}
		making.Wait()
		if got := must(m.NumberOfObjects(t.Context())); got != 0 {
			t.Errorf("%d objects are left", got)
		}
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	must(m.NumberOfObjects(t.Context()))
	before := heap()
	round()
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d bytes more than before", grown)
	}
}

func TestHeapOfLargeValuesReturns(t *testing.T) {
	_, m := server(t, nil)
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	value := append([]byte{0xc6, 0, 0x10, 0, 0}, bytes.Repeat([]byte{80}, 1<<20)...)
	for range 20 {
		if _, err := p.Invoke(t.Context(), "Put", value); err != nil {
			t.Fatal(err)
		}
		if got := must(p.Invoke(t.Context(), "Get", nil)); !bytes.Equal(got, value) {
			t.Fatalf("%d bytes came back", len(got))
		}
	}
	p.Close()
}
