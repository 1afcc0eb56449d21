//go:build linux

package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

// together returns a client of a server that holds calls of "hold" until "go" is called, and answers all of them then.
func together(t *testing.T) *serving {
	var held []*Request // of the goroutine that reads
	s, _ := sharing(t, func(r *Request) {
		if r.Method == "hold" {
			held = append(held, r)
			r.OnCancel(func() { r.Answer(ErrorReply(context.Canceled)) })
			return
		}
		if r.Method == "count" {
			r.Answer(Reply{Payload: binary.BigEndian.AppendUint32(nil, uint32(len(held)))})
			return
		}
		for _, h := range held {
			h.Answer(Reply{Payload: h.Argument})
		}
		held = nil
		r.Answer(Reply{})
	}, nil, nil)
	return s
}

// awaitHeld returns when so many calls are held.
func awaitHeld(t *testing.T, s *serving, n int) {
	t.Helper()
	for {
		got, err := s.Call(context.Background(), 0, "count", nil)
		if err != nil {
			t.Fatal(err)
		}
		if binary.BigEndian.Uint32(got.Payload) == uint32(n) {
			return
		}
	}
}

// Callers whose replies come together wake one another, and none waits for what another does with its own.
func TestCallersThatDoNotCallAgainHoldNobodyUp(t *testing.T) {
	s := together(t)
	const n = 50
	for range 40 {
		woken, over := make(chan error), make(chan struct{})
		var callers sync.WaitGroup
		for i := range n {
			callers.Go(func() {
				got, err := s.Call(context.Background(), 0, "hold", []byte{byte(i)})
				if err == nil && (len(got.Payload) != 1 || got.Payload[0] != byte(i)) {
					err = errors.New("another's reply")
				}
				woken <- err
				<-over
			})
		}
		awaitHeld(t, s, n)
		for range 2 * aloneAfter { // by two callers at once, so that somebody looks for all
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() { _, _ = s.Call(context.Background(), 0, "count", nil) })
			}
			both.Wait()
		}
		if _, err := s.Call(context.Background(), 0, "go", nil); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			select {
			case err := <-woken:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%d of %d", i, n)
			}
		}
		close(over)
		callers.Wait()
	}
}

// Whoever calls how often, and whatever they do in between, each call is sent and answered.
func TestCallersOfAllKinds(t *testing.T) {
	for _, off := range []bool{false, true} {
		s, _ := sharing(t, func(r *Request) { r.Answer(Reply{Payload: r.Argument}) }, nil, nil)
		s.reading.Lock()
		s.lane.patience.off = off
		s.reading.Unlock()
		shared, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		defer cancel()
		var callers sync.WaitGroup
		for n := range 24 {
			callers.Go(func() {
				own, cancel := context.WithCancel(shared)
				defer cancel()
				for i := range 3000 / (n + 1) {
					ctx := own
					if n%3 == 0 {
						ctx = shared
					}
					argument := binary.BigEndian.AppendUint64(nil, uint64(n)<<32|uint64(i))
					got, err := s.Call(ctx, 0, "x", argument)
					if err != nil || string(got.Payload) != string(argument) {
						t.Errorf("%x for %x: %v", got.Payload, argument, err)
						return
					}
					if n%4 == 1 {
						for begun := time.Now(); time.Since(begun) < time.Duration(n)*time.Microsecond; {
							runtime.Gosched()
						}
					}
				}
			})
		}
		callers.Wait()
		s.mu.Lock()
		if len(s.calls.all()) != 0 || s.waits() || s.watch != nil && s.watch.users != 0 {
			t.Errorf("%d calls, %d begun, %d settled, %+v", len(s.calls.all()), s.begun.Load(), s.settled.Load(), s.watch)
		}
		s.mu.Unlock()
	}
}

// Who has begun a chain and is woken before its end wakes the rest.
func TestARestOfAChainIsWoken(t *testing.T) {
	c := &Caller{conn: &Conn{}, relay: make(chan struct{}, 1)}
	waiting := make([]*pending, 3)
	for call := range waiting {
		waiting[call] = &pending{notices: make(chan notice, noticeKinds)}
		c.calls.set(uint64(call), waiting[call])
		c.found = append(c.found, delivery{call: uint64(call)})
	}
	c.wakeLooking()
	if err := c.handOut(); err != nil || len(c.calls.all()) != 0 || c.chained {
		t.Errorf("%d calls, %v", len(c.calls.all()), err)
	}
	for call, p := range waiting {
		if len(p.notices) != 1 {
			t.Errorf("%d notices for call %d", len(p.notices), call)
		}
	}
	c.found = append(c.found, delivery{call: 9})
	if err := c.handOut(); !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
}

// A Caller that ends in the middle of a chain leaves nobody behind.
func TestAChainThatIsCutShort(t *testing.T) {
	for range 100 {
		s := together(t)
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				for {
					if _, err := s.Call(context.Background(), 0, "count", nil); err != nil {
						if !errors.Is(err, ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		for range 20 {
			_, _ = s.Call(context.Background(), 0, "count", nil)
		}
		_ = s.Close()
		callers.Wait()
		<-s.ended
	}
}

// A call that ends without its reply passes on a chain that it may have been part of.
func TestACallThatLeavesPassesTheChainOn(t *testing.T) {
	p := &pending{notices: make(chan notice, noticeKinds)}
	c := &Caller{relay: make(chan struct{}, 1), chain: []*pending{p}, chained: true}
	if c.leave(1); len(p.notices) != 1 {
		t.Error("the next one sleeps")
	}
	if c.leave(2); len(c.relay) != 1 || c.chained {
		t.Error("nobody hears of the end")
	}
}

// Replies that were published before the server's end are all delivered, however many they are.
func TestManyRepliesOutliveTheirServer(t *testing.T) {
	var held []*Request
	all := make(chan []*Request, 1)
	const n = 2 * mostAtOnce
	s, far := sharing(t, func(r *Request) {
		if held = append(held, r); len(held) == n {
			all <- held
		}
	}, nil, nil)
	result := make(chan error)
	for range n {
		go func() { _, err := s.Call(context.Background(), 0, "x", nil); result <- err }()
	}
	answering := <-all
	s.reading.Lock()
	far.lane.Load().peerSleeps.Store(0) // so that nothing but the end wakes the client
	for _, r := range answering {
		r.Answer(Reply{})
	}
	_ = far.Close()
	s.reading.Unlock()
	for range n {
		if err := <-result; err != nil {
			t.Fatal(err)
		}
	}
}

// A writer whose peer reads nothing holds up no reply that has arrived.
func TestAWriterThatWaitsHoldsUpNoReply(t *testing.T) {
	s := together(t)
	s.reading.Lock() // as the goroutine that looks for all
	waiting := make([]*pending, 3)
	for i := range waiting {
		call, p, err := s.enter(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		waiting[i] = p
		s.found = append(s.found, delivery{call: call})
	}
	s.client.writeMu.Lock() // as the one that writes
	handed := make(chan error, 1)
	go func() { handed <- s.handOut() }()
	held := true
	for i, p := range waiting {
		select {
		case <-p.notices:
		case <-time.After(2 * time.Second):
			t.Errorf("call %d waits for the writer", i)
			s.client.writeMu.Unlock()
			held = false
			<-p.notices
		}
		s.reuse(p, false)
	}
	if err := <-handed; err != nil {
		t.Error(err)
	}
	if held {
		s.client.writeMu.Unlock()
	}
	s.reading.Unlock()
}

// publishing returns a connection that writes to a ring, and the two ends of that.
func publishing(t *testing.T) (c *Conn, near, far *lane) {
	near, far = lanes(t)
	near.outward = true
	c = &Conn{}
	c.share(near)
	return c, near, far
}

// Whatever is put into the ring while gathering ends is published, by whoever comes next.
func TestNothingIsLeftGathered(t *testing.T) {
	c, l, far := publishing(t)
	c.gather(true)
	c.writeMu.Lock() // as one that writes while gathering ends
	if !c.publishFrameLocked(l, []byte("x"), nil) || l.out.tail.Load() == l.out.position {
		t.Error("it was not gathered")
	}
	c.gather(false)
	c.writeMu.Unlock()
	if c.publishFrame(nil, make([]byte, ringBytes)) || l.out.tail.Load() != l.out.position {
		t.Error("who comes next has published nothing")
	}
	c.gather(true)
	if !c.publishFrame([]byte("x"), nil) || l.out.tail.Load() == l.out.position {
		t.Error("it was not gathered")
	}
	if c.gather(false); l.out.tail.Load() != l.out.position {
		t.Error("the end of gathering has published nothing")
	}
	for range 2 {
		if _, found, err := far.in.next(nil); found != foundFrame || err != nil {
			t.Error(found, err)
		}
	}
}

// However the end of gathering and a write meet, one of them publishes what was written.
func TestGatheringEndsWhileOthersWrite(t *testing.T) {
	c, l, far := publishing(t)
	for round := range 20_000 {
		c.gather(true)
		var writers sync.WaitGroup
		for range 2 {
			writers.Go(func() { c.publishFrame([]byte("x"), nil) })
		}
		if round%2 == 0 {
			runtime.Gosched()
		}
		c.gather(false)
		writers.Wait()
		if l.pending != 0 || l.out.tail.Load() != l.out.position {
			t.Fatalf("round %d: %d frames are in the ring that nobody publishes", round, l.pending)
		}
		for !far.in.empty() {
			if _, _, err := far.in.next(nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Slow chains are given up for some time, and one alone is not.
func TestSlowChainsAreGivenUp(t *testing.T) {
	c := &Caller{}
	c.noteChain(8, 1000*hopTime)
	for range slowCost {
		c.noteChain(8, hopTime)
	}
	if c.slow != 0 || c.spread != 0 {
		t.Errorf("%d, %d", c.slow, c.spread)
	}
	for i := 0; c.spread == 0; i++ {
		if c.noteChain(8, 1000*hopTime); i > mostSlow {
			t.Fatal("they are not")
		}
	}
	c.spread = 0
	if c.noteChain(8, 1000*hopTime); c.spread == 0 {
		t.Error("another one is tried at length")
	}
}
