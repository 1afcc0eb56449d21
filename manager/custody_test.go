package manager_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// A parcel is what a process gets: proxies on the way of a process's argument.
type parcel struct {
	Pipe   *spawn.PipeEnd
	First  *manager.Proxy
	Second *manager.Proxy // of the same object, or nil
}

var carrier = spawn.RegisterNamed("manager_test.carry", carry)

// carry does what it is told over its pipe, and answers each order, until the pipe is closed.
func carry(ctx context.Context, p parcel) error {
	var decoded manager.Proxy
	var dispatched []byte
	for {
		received, err := p.Pipe.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var answer []byte
		order, message := string(received), []byte(nil)
		if rest, ok := bytes.CutPrefix(received, []byte("decode")); ok {
			order, message = "decode", rest
		}
		switch order {
		case "decode":
			_, err = decoded.UnmarshalMsg(message)
		case "forget":
			err = decoded.Close()
		case "put":
			_, err = p.First.Invoke(ctx, "Put", []byte{1})
		case "close":
			err = errors.Join(p.First.Close(), p.Second.Close())
		case "encode": // a result without anything to keep it but its sender
			answer, err = p.First.MarshalMsg(nil)
		case "dispatch": // a result as a carrier sends it
			if answer, err = p.First.MarshalMsg(nil); err == nil {
				answer, err = wire.Dispatch(ctx, answer)
				err = errors.Join(err, p.First.Close())
			}
			dispatched = answer
		case "fresh": // a result that the child has made
			answer, err = fresh(ctx, p.First)
		case "recall":
			var tokens []wire.Token
			tokens, err = wire.FindTokens(dispatched)
			wire.Release(tokens)
		case "hold": // a message whose sender will hear of its receiver
			if answer, err = p.First.MarshalMsg(nil); err == nil {
				err = errors.Join(wire.Hold(ctx, []wire.Token{p.First.Token()}), p.First.Close())
			}
		case "told":
			wire.Release([]wire.Token{p.First.Token()})
		}
		if err != nil {
			answer = []byte("error: " + err.Error())
		}
		if err := p.Pipe.Send(answer); err != nil {
			return err
		}
	}
}

// fresh returns a message with a proxy for an object that nobody else knows.
func fresh(ctx context.Context, near *manager.Proxy) ([]byte, error) {
	m, err := near.Manager()
	if err != nil {
		return nil, err
	}
	p, err := manager.Create(ctx, m, "box", nil, nil)
	if err != nil {
		return nil, err
	}
	message, err := p.MarshalMsg(nil)
	if err != nil {
		return nil, err
	}
	message, err = wire.Dispatch(ctx, message)
	return message, errors.Join(err, p.Close())
}

// A child is a process that carries.
type child struct {
	t       *testing.T
	process *spawn.Process
	pipe    *spawn.PipeEnd
}

func start(t *testing.T, first, second *manager.Proxy) *child {
	t.Helper()
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	process := must(carrier.Start(t.Context(), parcel{theirs, first, second}, nil))
	t.Cleanup(func() {
		ours.Close()
		if err := process.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &child{t, process, ours}
}

// do has the child do something, and returns its answer.
func (c *child) do(order string) []byte {
	c.t.Helper()
	answer := c.tell([]byte(order))
	if message, bad := bytesPrefix(answer, "error: "); bad {
		c.t.Fatalf("%s: %s", order, message)
	}
	return answer
}

// tell is do for orders that may fail.
func (c *child) tell(order []byte) []byte {
	c.t.Helper()
	if err := c.pipe.Send(order); err != nil {
		c.t.Fatal(err)
	}
	return must(c.pipe.Receive())
}

func bytesPrefix(b []byte, prefix string) (string, bool) {
	if len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix {
		return string(b[len(prefix):]), true
	}
	return "", false
}

func (c *child) kill() {
	c.t.Helper()
	if err := c.process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	<-c.process.Done()
}

// receive decodes a message with a proxy.
func receive(t *testing.T, message []byte) *manager.Proxy {
	t.Helper()
	p := new(manager.Proxy)
	if _, err := p.UnmarshalMsg(message); err != nil {
		t.Fatalf("the proxy that arrived: %v", err)
	}
	return p
}

func checkUsable(t *testing.T, p *manager.Proxy) {
	t.Helper()
	if _, err := p.Invoke(t.Context(), "Put", []byte{2}); err != nil {
		t.Errorf("the proxy is of no use: %v", err)
	}
}

// In each of these the manager is checked at the end to be empty, while the children are still there or dead.

func TestProxyInAnArgumentOutlivesThatOfTheParent(t *testing.T) {
	m := started(t, nil)
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	second := must(p.Clone())
	c := start(t, p, second)
	second.Close()
	p.Close()
	must(m.NumberOfObjects(t.Context())) // the parent has let go
	c.do("put")
	if info := must(m.Info(t.Context())); len(info.Objects) != 1 || info.Objects[0].References != 1 {
		t.Errorf("one process has proxies, and the object has %+v", info.Objects)
	}
	c.do("close")
}

func TestProxyInAnArgumentOfAKilledChild(t *testing.T) {
	m := started(t, nil)
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	c := start(t, p, nil)
	p.Close()
	c.kill()
}

func TestProxyInAnArgumentOfAStartThatFails(t *testing.T) {
	m := started(t, nil)
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := carrier.Start(ctx, parcel{First: p}, nil); err == nil {
		t.Error("started")
	}
	if info := must(m.Info(t.Context())); len(info.Objects) != 1 || info.Objects[0].References != 1 {
		t.Errorf("objects %+v", info.Objects)
	}
	p.Close()
}

func TestManyChildrenAtOnce(t *testing.T) {
	m := started(t, nil)
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	var children []*child
	for range 8 {
		children = append(children, start(t, p, p))
	}
	p.Close()
	for i, c := range children {
		c.do("put")
		if i%2 == 0 {
			c.kill()
		} else {
			c.do("close")
		}
	}
}

func TestResultOutlivesItsSender(t *testing.T) {
	for _, order := range []string{"dispatch", "fresh"} {
		t.Run(order, func(t *testing.T) {
			m := started(t, nil)
			p := must(manager.Create(t.Context(), m, "box", nil, nil))
			c := start(t, p, nil)
			p.Close()
			message := c.do(order)
			c.kill()
			received := receive(t, message)
			checkUsable(t, received)
			info := must(m.Info(t.Context()))
			if info.InTransit != 0 {
				t.Errorf("%d references are in transit after the arrival", info.InTransit)
			}
			received.Close()
		})
	}
}

func TestResultThatTheReceiverHasAlready(t *testing.T) {
	m := started(t, nil)
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	c := start(t, p, nil)
	again := receive(t, c.do("dispatch"))
	eventually(t, "nothing is in transit", func() bool { return must(m.Info(t.Context())).InTransit == 0 })
	p.Close()
	again.Close()
}

func TestProxyInAMessageOfAQueueOrInAnotherObject(t *testing.T) {
	for _, dies := range []string{"nobody", "the sender", "the receiver"} {
		t.Run(dies, func(t *testing.T) {
			m := started(t, nil)
			ctx := t.Context()
			named := &manager.ObjectOptions{Name: "queue"}
			container := must(manager.Create(ctx, m, "box", nil, named))
			defer container.Close()
			sender := must(manager.Connect(ctx, m.Address(), nil))
			defer sender.Close()
			item := must(manager.Create(ctx, sender, "box", nil, nil))
			if _, err := container.Invoke(ctx, "Put", must(item.MarshalMsg(nil))); err != nil {
				t.Fatal(err)
			}
			item.Close()
			if dies == "the sender" {
				sender.Close()
			}
			info := must(m.Info(ctx))
			if len(info.Objects) != 2 || fmt.Sprint(info.Objects[1].Containers) != fmt.Sprint([]uint64{container.Token().ID}) {
				t.Errorf("objects %+v", info.Objects)
			}
			if dies == "the receiver" {
				receiver := must(manager.Connect(ctx, m.Address(), nil))
				theirs := must(manager.Create(ctx, receiver, "box", nil, named))
				must(theirs.Invoke(ctx, "Get", nil)) // the message is never decoded
				if got := must(m.NumberOfObjects(ctx)); got != 2 {
					t.Errorf("%d objects, one of them lent to the receiver", got)
				}
				receiver.Close()
				return
			}
			got := receive(t, must(container.Invoke(ctx, "Get", nil)))
			checkUsable(t, got)
			got.Close()
		})
	}
}

func TestContainerLetsGoWithItself(t *testing.T) {
	_, m := server(t, nil)
	ctx := t.Context()
	outer := must(manager.Create(ctx, m, "box", nil, nil))
	for range 3 {
		inner := must(manager.Create(ctx, m, "box", nil, nil))
		for range 2 {
			if _, err := outer.Invoke(ctx, "Put", must(inner.MarshalMsg(nil))); err != nil {
				t.Fatal(err)
			}
		}
		inner.Close()
	}
	if got := must(m.NumberOfObjects(ctx)); got != 4 {
		t.Errorf("%d objects", got)
	}
	outer.Close()
}

func TestForeignProxyIsRefused(t *testing.T) {
	_, m := server(t, nil)
	_, other := server(t, nil)
	ctx := t.Context()
	p := must(manager.Create(ctx, m, "box", nil, nil))
	defer p.Close()
	foreign := must(manager.Create(ctx, other, "box", nil, nil))
	defer foreign.Close()
	if _, err := p.Invoke(ctx, "Put", must(foreign.MarshalMsg(nil))); !errors.Is(err, manager.ErrForeignProxy) {
		t.Errorf("got %v", err)
	}
	stale := wire.AppendToken(nil, wire.Token{Type: "box", Address: m.Address(), ID: 1})
	if _, err := p.Invoke(ctx, "Put", stale); !errors.Is(err, manager.ErrNoSuchObject) {
		t.Errorf("a token of nothing: %v", err)
	}
}

func TestProxyInTheArgumentOfACallThatWaits(t *testing.T) {
	_, m := server(t, nil)
	ctx := t.Context()
	g := gateOf(t, m)
	p := must(manager.Create(ctx, m, "box", nil, nil))
	message := must(p.MarshalMsg(nil))
	back := make(chan []byte, 1)
	go func() { back <- must(g.Invoke(ctx, "Wait", message)) }()
	eventually(t, "it waits", func() bool { return len(must(m.Info(ctx)).Objects[0].Waiters) == 1 })
	p.Close()
	must(m.NumberOfObjects(ctx)) // the release has arrived
	must(g.Invoke(ctx, "Open", nil))
	got := receive(t, <-back)
	checkUsable(t, got)
	got.Close()
}

func TestProxyByValueAndManagerInAMessage(t *testing.T) {
	_, m := server(t, nil)
	type envelope struct {
		Proxy   manager.Proxy
		Pointer *manager.Proxy
		None    *manager.Proxy
		Manager *manager.Manager
		List    []*manager.Proxy
		Any     any
		Ours    any
	}
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	codec := must(wire.CodecOf[envelope]())
	encoded := must(codec.Append(nil, &envelope{Proxy: *p, Pointer: p, Manager: m, List: []*manager.Proxy{p, p}, Any: p, Ours: m}))
	var e envelope
	if err := codec.Decode(encoded, &e); err != nil {
		t.Fatal(err)
	}
	if e.None != nil || e.Manager.Address() != m.Address() {
		t.Errorf("got %+v", e)
	}
	p.Close()
	for i, got := range append(e.List, &e.Proxy, e.Pointer, e.Any.(*manager.Proxy)) {
		if got.Token() != p.Token() {
			t.Errorf("proxy %d: %v", i, got)
		}
		checkUsable(t, got)
		got.Close()
	}
	for _, ours := range []*manager.Manager{e.Manager, e.Ours.(*manager.Manager)} {
		if err := ours.Close(); err != nil || ours.Address() != m.Address() || m.Ping(t.Context()) != nil {
			t.Errorf("the handle in the message has closed the session: %v", err)
		}
	}
}
