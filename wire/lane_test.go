//go:build linux

package wire

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// sharing returns a Caller and a server that have agreed on shared memory, and the server's end of it.
func sharing(t testing.TB, h Handler, co *CallOptions, so *ServeOptions) (*serving, *Conn) {
	t.Helper()
	near, far := connPair(t, 64<<20)
	var o ServeOptions
	if so != nil {
		o = *so
	}
	o.ShareMemory = true
	s := serve(t, near, far, func(r *Request) {
		if r.Method == "share" {
			r.Answer(Reply{})
			return
		}
		h(r)
	}, co, &o)
	s.ShareMemory()
	limit := time.After(10 * time.Second)
	for !s.shares() {
		if _, err := s.Call(context.Background(), 0, "share", nil); err != nil {
			t.Fatal(err)
		}
		select {
		case <-limit:
			t.Fatal("the memory is not shared")
		default:
		}
	}
	if _, err := s.Call(context.Background(), 0, "share", nil); err != nil { // through it
		t.Fatal(err)
	}
	return s, far
}

// shares reports whether the server has taken the memory.
func (s *serving) shares() bool {
	s.reading.Lock()
	defer s.reading.Unlock()
	return s.answered && s.lane != nil
}

// A server may use the memory before its client has heard that it was taken, and while nobody calls.
func TestSharedMemoryBeginsAtAnyTime(t *testing.T) {
	var clients []*serving
	for range 100 {
		near, far := connPair(t, 0)
		s := serve(t, near, far, func(r *Request) { r.Answer(Reply{}) }, nil, &ServeOptions{ShareMemory: true})
		s.ShareMemory()
		clients = append(clients, s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for range 3 * offerAfter {
		for n, s := range clients {
			if _, err := s.Call(ctx, 0, "x", nil); err != nil {
				t.Fatalf("client %d: %v", n, err)
			}
		}
	}
}

// The queue hears of shared memory after the connection, which another goroutine may have written to meanwhile: what goes
// by the socket then is announced in the ring. Without that the server found a frame beside the ring, and ended the session.
func TestSharedMemoryThatTheQueueHasNotHeardOf(t *testing.T) {
	s, _ := sharing(t, func(r *Request) { r.Answer(Reply{}) }, nil, nil)
	for _, size := range []int{0, 2 * copiedPayload, largestRecord + 1, 0} {
		s.out.mu.Lock()
		s.out.shared = false
		s.out.mu.Unlock()
		if _, err := s.Call(context.Background(), 0, "by whoever calls", make([]byte, size)); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		s.out.share()
		if _, err := s.Call(context.Background(), 0, "x", nil); err != nil {
			t.Fatalf("after %d bytes: %v", size, err)
		}
	}
}

func TestSharedMemoryCarriesAllSizes(t *testing.T) {
	for _, h := range []Handler{method, func(r *Request) { r.Answer(carryOut(t.Context(), r)) }} {
		s, _ := sharing(t, h, nil, nil)
		var callers sync.WaitGroup
		for n := range 16 {
			callers.Go(func() {
				for i := range 120 {
					size := rand.IntN(200)
					if i%7 == 0 {
						size = rand.IntN(200_000)
					}
					argument := bytes.Repeat([]byte{byte(n)}, size)
					got, err := s.Call(context.Background(), 0, "echo", argument)
					if err != nil || !bytes.Equal(got.Payload, argument) {
						t.Errorf("%d bytes for %d: %v", len(got.Payload), size, err)
						return
					}
				}
			})
		}
		callers.Wait()
	}
}

// However the pauses between calls fall, no end sleeps on what is there.
func TestSharedMemoryLosesNoWake(t *testing.T) {
	s, _ := sharing(t, func(r *Request) { r.Answer(Reply{}) }, nil, nil)
	var callers sync.WaitGroup
	for n := range 3 {
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			for range 1500 {
				if _, err := s.Call(ctx, 0, "x", nil); err != nil {
					t.Error(err)
					return
				}
				pause := time.Duration(rand.IntN(40*(n+1)*(n+1))) * time.Microsecond
				for begun := time.Now(); time.Since(begun) < pause; {
					yield()
				}
			}
		})
	}
	callers.Wait()
}

// Where others want every processor, calls go on.
func TestSharedMemoryBesideBusyProcessors(t *testing.T) {
	s, _ := sharing(t, func(r *Request) { r.Answer(Reply{}) }, nil, nil)
	var (
		over  atomic.Bool
		looks atomic.Int64
	)
	var busy sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			for !over.Load() { // and nothing else
				looks.Add(1)
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for range 20 {
		if _, err := s.Call(ctx, 0, "x", nil); err != nil {
			t.Error(err)
			break
		}
	}
	over.Store(true)
	busy.Wait()
}

// Calls begin in their order, whichever way each has gone, and those that were told are carried out even at the end.
func TestSharedMemoryKeepsOrder(t *testing.T) {
	var got []uint64 // of the goroutine that reads, and then of the test
	s, _ := sharing(t, func(r *Request) {
		got = append(got, r.Object)
		r.Answer(Reply{Payload: r.Argument})
	}, nil, nil)
	var want []uint64
	for i := range uint64(400) {
		var err error
		if size := []int{0, 10_000, 20_000, 60_000}[i%4]; i%5 == 0 {
			_, err = s.Call(context.Background(), i, "x", make([]byte, size))
		} else {
			err = s.Tell(i, "x", make([]byte, size))
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, i)
	}
	_ = s.Close()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d of %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%d is %d", i, got[i])
		}
	}
}

// Results that come all at once, and do not fit, take the other way.
func TestSharedMemoryThatIsFull(t *testing.T) {
	var held []*Request // of the goroutine that reads
	s, _ := sharing(t, func(r *Request) {
		if r.Method == "hold" {
			held = append(held, r)
			r.OnCancel(func() { r.Answer(ErrorReply(context.Canceled)) })
			return
		}
		for _, h := range held {
			h.Answer(Reply{Payload: bytes.Repeat(h.Argument, 1000)})
		}
		r.Answer(Reply{})
		held = nil
	}, nil, nil)
	for range 3 {
		var callers sync.WaitGroup
		for n := range 500 {
			callers.Go(func() {
				got, err := s.Call(context.Background(), 0, "hold", []byte{byte(n)})
				if err != nil || !bytes.Equal(got.Payload, bytes.Repeat([]byte{byte(n)}, 1000)) {
					t.Errorf("%d bytes, %v", len(got.Payload), err)
				}
			})
		}
		done := make(chan struct{})
		go func() { callers.Wait(); close(done) }()
		for going := true; going; {
			if _, err := s.Call(context.Background(), 0, "let go", nil); err != nil {
				t.Fatal(err)
			}
			select {
			case <-done:
				going = false
			default:
			}
		}
	}
}

func TestSharedMemoryCancels(t *testing.T) {
	s, _ := sharing(t, method, &CallOptions{VerdictTimeout: time.Minute}, nil)
	for range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		result := make(chan error, 2)
		go func() { _, err := s.Call(ctx, 0, "wait", nil); result <- err }()
		go func() {
			got, err := s.Call(ctx, 0, "grant", nil)
			if err == nil && string(got.Payload) != "granted" {
				err = errors.New("no grant")
			}
			result <- err
		}()
		if _, err := s.Call(context.Background(), 0, "echo", nil); err != nil {
			t.Fatal(err)
		}
		cancel()
		for range 2 {
			if err := <-result; err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
	}
}

// A client that reads nothing is dropped, though its ring takes some.
func TestSharedMemoryOfAStoppedClient(t *testing.T) {
	for _, size := range []int{100, 100_000} {
		s, _ := sharing(t, func(r *Request) { r.Answer(Reply{Payload: make([]byte, size)}) }, nil,
			&ServeOptions{OutputLimit: 1 << 20, StallTimeout: 200 * time.Millisecond})
		s.reading.Lock()
		var callers sync.WaitGroup
		for range 20_000_000 / (size + 2000) {
			callers.Go(func() { _, _ = s.Call(context.Background(), 0, "x", nil) })
		}
		err := <-s.ended
		s.reading.Unlock()
		callers.Wait()
		if !errors.Is(err, ErrOutputLimit) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// What a server has published before its end is delivered, also where nobody rings.
func TestSharedMemoryOutlivesItsServer(t *testing.T) {
	for range 50 {
		held := make(chan *Request, 1)
		s, far := sharing(t, func(r *Request) { held <- r }, nil, nil)
		s.reading.Lock()
		s.lane.patience.off = true
		s.reading.Unlock()
		result := make(chan error, 1)
		go func() {
			got, err := s.Call(context.Background(), 0, "last", []byte("words"))
			if err == nil && string(got.Payload) != "words" {
				err = errors.New("other words")
			}
			result <- err
		}()
		r := <-held
		for held := true; held; { // until the goroutine that reads is done with it
			r.server.out.mu.Lock()
			held = r.server.out.held
			r.server.out.mu.Unlock()
		}
		far.lane.Load().peerSleeps.Store(0)
		r.Answer(Reply{Payload: r.Argument})
		_ = far.Close()
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		if _, err := s.Call(context.Background(), 0, "later", nil); !errors.Is(err, ErrConnectionLost) {
			t.Error(err)
		}
	}
}

// An end that corrupts the memory loses the session, whoever notices.
func TestSharedMemoryThatIsCorrupt(t *testing.T) {
	for name, corrupt := range map[string]func(l *lane){
		"calls":          func(l *lane) { l.out.tail.Store(12345) },
		"end of replies": func(l *lane) { l.in.tail.Store(1 << 50) },
		"replies": func(l *lane) {
			for i := range l.in.ring {
				l.in.ring[i] = 0xa5
			}
			l.in.tail.Store(l.in.position + 4096)
		},
	} {
		s, far := sharing(t, method, nil, nil)
		s.reading.Lock()
		corrupt(s.lane)
		s.reading.Unlock()
		for _, c := range []*Conn{s.conn, far} {
			c.writeMu.Lock()
			c.ringLocked()
			c.writeMu.Unlock()
		}
		select {
		case <-s.Lost():
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nobody has noticed", name)
		}
		if _, err := s.Call(context.Background(), 0, "echo", nil); !errors.Is(err, ErrConnectionLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An offer that is no memory to share is refused, and the connection goes on.
func TestAnOfferIsRefused(t *testing.T) {
	near, far := connPair(t, 0)
	ended := make(chan error, 1)
	go func() { ended <- Serve(context.Background(), far, method, &ServeOptions{ShareMemory: true}) }()
	offer, _ := (&offerHeader{kindOffer, memoryBytes}).MarshalMsg(nil)
	request, _ := (&requestHeader{kindRequest, 1, 0, "echo", 0}).MarshalMsg(nil)
	for _, frame := range [][]byte{[]byte(preface), offer, request} {
		if err := near.WriteFrame(frame); err != nil {
			t.Fatal(err)
		}
	}
	var answer answerHeader
	if _, err := answer.UnmarshalMsg(read(t, near, nil)); err != nil || answer.Kind != kindAnswer || answer.Taken {
		t.Error(answer, err)
	}
	if frame := read(t, near, nil); kindOf(frame) != kindReply {
		t.Errorf("%x", frame)
	}
	if err := near.WriteFrame(offer); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
}
