package manager_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// A slowOne is an object in the making: it is made when finish is closed.
type slowOne struct {
	token  wire.Token
	finish chan struct{}
}

var slowOnes = make(chan slowOne)

func init() {
	manager.RegisterType(manager.Type{Name: "slow", Methods: []string{"Put"}, New: func(_ []byte, host *manager.Host) (manager.Object, error) {
		s := slowOne{host.Token(), make(chan struct{})}
		slowOnes <- s
		<-s.finish
		return &box{host: host}, nil
	}})
}

// twoMessages has two children send a proxy of one object, which nobody refers to any more but their messages.
func twoMessages(t *testing.T, m *manager.Manager, order string) (c, d *child, first, second []byte) {
	t.Helper()
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	c, d = start(t, p, nil), start(t, p, nil)
	p.Close()
	first, second = c.do(order), d.do(order)
	eventually(t, "only the messages refer to it", func() bool {
		info := must(m.Info(t.Context()))
		return info.InTransit == 2 && len(info.Objects) == 1 && info.Objects[0].References == 2
	})
	return c, d, first, second
}

// adopt takes a message as those do that carry values.
func adopt(t *testing.T, message []byte) *manager.Proxy {
	t.Helper()
	if err := wire.Adopt(t.Context(), must(wire.FindTokens(message))); err != nil {
		t.Fatalf("the message that arrived: %v", err)
	}
	return receive(t, message)
}

// The receiver of one message ended the transit of the other, and its sender then the one that was left.
func TestMessagesWithOneObjectArriveInAnyOrder(t *testing.T) {
	m := started(t, nil)
	c, d, first, second := twoMessages(t, m, "hold")
	adopt(t, second).Close()
	d.do("told")
	eventually(t, "the second message has gone", func() bool { return must(m.Info(t.Context())).InTransit == 1 })
	got := adopt(t, first)
	c.do("told")
	checkUsable(t, got)
	got.Close()
}

// The transit that an arrival ended was that of another child, and what was left went with the death of its own.
func TestArrivalEndsNoTransitOfAnotherChild(t *testing.T) {
	m := started(t, &manager.Options{TransitGrace: 1})
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	c, d := start(t, p, nil), start(t, p, nil)
	p.Close()
	d.do("fresh") // it never arrives
	first, second := c.do("dispatch"), d.do("dispatch")
	adopt(t, second).Close()
	must(m.NumberOfObjects(t.Context())) // everything is told
	d.kill()
	eventually(t, "the grace of the dead is over", func() bool { return must(m.NumberOfObjects(t.Context())) == 1 })
	got := adopt(t, first)
	checkUsable(t, got)
	got.Close()
}

// A proxy that comes out of an object ended the transit of a message that was still on its way.
func TestDecodingAnotherProxyEndsNoTransit(t *testing.T) {
	m := started(t, &manager.Options{TransitGrace: 1})
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	c := start(t, p, nil)
	plain := must(p.MarshalMsg(nil))
	message := c.do("dispatch")
	p.Close()
	receive(t, plain).Close()
	must(m.NumberOfObjects(t.Context())) // everything is told
	got := adopt(t, message)
	checkUsable(t, got)
	got.Close()
}

func TestMessageThatIsThrownAwayOrDecodedTwice(t *testing.T) {
	m := started(t, nil)
	_, _, first, second := twoMessages(t, m, "dispatch")
	tokens := must(wire.FindTokens(first))
	wire.Release(tokens)
	wire.Release(tokens)
	if info := must(m.Info(t.Context())); info.InTransit != 1 {
		t.Errorf("%d references are in transit", info.InTransit)
	}
	got, again := receive(t, second), receive(t, second)
	if info := must(m.Info(t.Context())); info.InTransit != 0 || info.Objects[0].References != 1 {
		t.Errorf("info %+v", info)
	}
	got.Close()
	checkUsable(t, again)
	again.Close()
}

// What a session had held that was closed meanwhile was given back to another, whose proxy died by it.
func TestReleaseGoesToTheSessionThatHolds(t *testing.T) {
	s, first := server(t, nil)
	ctx := t.Context()
	named := &manager.ObjectOptions{Name: "box"}
	held := must(manager.Create(ctx, first, "box", nil, named))
	if err := wire.Hold(ctx, []wire.Token{held.Token()}); err != nil {
		t.Fatal(err)
	}
	second := must(s.Manager(ctx))
	defer second.Close()
	p := must(manager.Create(ctx, second, "box", nil, named))
	defer p.Close()
	first.Close()
	wire.Release([]wire.Token{held.Token()})
	must(second.NumberOfObjects(ctx)) // everything is told
	checkUsable(t, p)
	again := must(p.Clone())
	defer again.Close()
}

// The session's look for a watcher met the object's maker, which only the race detector sees.
func TestCallOfAnObjectThatIsBeingMade(t *testing.T) {
	_, m := server(t, nil)
	ctx := t.Context()
	var group sync.WaitGroup
	defer group.Wait()
	for range 100 {
		group.Go(func() { must(manager.Create(ctx, m, "slow", nil, nil)).Close() })
		slow := <-slowOnes
		early := receive(t, wire.AppendToken(nil, slow.token))
		close(slow.finish)
		_, err := early.Invoke(ctx, "Put", nil)
		if err != nil && !errors.Is(err, manager.ErrNoSuchObject) {
			t.Error(err)
		}
		early.Close()
	}
}

func TestChildReachesAServerWithItsOwnKey(t *testing.T) {
	_, m := server(t, &manager.Options{Key: []byte("of its own")})
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	c := start(t, p, nil)
	c.do("put")
	message := c.do("dispatch")
	p.Close()
	got := adopt(t, message)
	checkUsable(t, got)
	got.Close()
	c.kill()
}

// Proxies joined the process's first session.
func TestProxyJoinsTheSessionItCameOver(t *testing.T) {
	m := started(t, nil)
	ctx := t.Context()
	named := &manager.ObjectOptions{Name: "container"}
	item := must(manager.Create(ctx, m, "box", nil, nil))
	defer item.Close()
	first := must(manager.Connect(ctx, m.Address(), nil))
	second := must(manager.Connect(ctx, m.Address(), nil))
	defer second.Close()
	var messages [][]byte
	for _, m := range []*manager.Manager{first, second} {
		container := must(manager.Create(ctx, m, "box", nil, named))
		defer container.Close()
		must(container.Invoke(ctx, "Put", must(item.MarshalMsg(nil))))
		messages = append(messages, must(container.Invoke(ctx, "Get", nil)))
	}
	got := receive(t, messages[1])
	first.Close()
	checkUsable(t, got)
	got.Close()
}

func TestResultThatIsRecalled(t *testing.T) {
	m := started(t, nil)
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	c := start(t, p, nil)
	p.Close()
	c.do("dispatch")
	if info := must(m.Info(t.Context())); info.InTransit != 1 || len(info.Objects) != 1 {
		t.Errorf("info %+v", info)
	}
	c.do("recall")
	eventually(t, "the object is gone", func() bool { return must(m.NumberOfObjects(t.Context())) == 0 })
}

func TestResultThatNeverArrives(t *testing.T) {
	m := started(t, &manager.Options{TransitGrace: 1})
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	c := start(t, p, nil)
	p.Close()
	c.do("dispatch")
	c.kill() // the cleanup checks that the object goes with the grace
}
