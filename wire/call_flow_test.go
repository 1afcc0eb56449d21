package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// Calls begin in the order in which they were sent.
func TestCallsBeginInOrder(t *testing.T) {
	near, far := connPair(t, 0)
	ended := make(chan error, 1)
	var seen []uint64 // of the goroutine that reads, and then of the test
	go func() {
		ended <- Serve(context.Background(), far, func(r *Request) {
			seen = append(seen, r.Object)
			method(r)
		}, nil)
	}()
	err := near.WriteFrame([]byte(preface))
	var want []uint64
	for call := uint64(1); err == nil && call <= 500; call++ {
		want = append(want, call)
		var header []byte
		if header, err = (&requestHeader{kindRequest, call, call, "wait", 0}).MarshalMsg(nil); err == nil {
			err = near.WriteFrame(header)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = near.Close()
	if err := <-ended; err != nil || !slices.Equal(seen, want) {
		t.Errorf("%v, %v", seen, err)
	}
}

func TestToldCallsGoWithTheNextMessage(t *testing.T) {
	near, far := connPair(t, 0)
	var got []string // of the goroutine that reads, and then of the test
	s := serve(t, near, far, func(r *Request) {
		got = append(got, fmt.Sprintf("%s %d %s", r.Method, r.Object, r.Argument))
		if r.Method == "panic" {
			panic("boom")
		}
		r.Answer(Reply{Payload: []byte("ignored, where it was told")})
	}, nil, nil)
	if err := s.Tell(0, "x", make([]byte, segmentSize+1)); !errors.Is(err, ErrFrameTooLarge) {
		t.Error(err)
	}
	for i := range 3 {
		if err := s.Tell(uint64(i), "told", []byte("early")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tell(0, "panic", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Call(context.Background(), 7, "call", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Tell(8, "told", []byte("late")); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	want := []string{"told 0 early", "told 1 early", "told 2 early", "panic 0 ", "call 7 x", "told 8 late"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if err := s.Tell(9, "told", nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A told call that is not answered at once is given up: nobody waits for it.
func TestToldCallsDoNotWait(t *testing.T) {
	near, far := connPair(t, 0)
	refused := make(chan bool, 1)
	s := serve(t, near, far, func(r *Request) {
		if r.Method == "told" {
			refused <- r.Refused()
			return // and nobody answers
		}
		r.Answer(Reply{})
	}, nil, nil)
	_ = s.Tell(1, "told", nil)
	_ = s.Close()
	if err := <-s.ended; err != nil || !<-refused {
		t.Error(err)
	}
}

// What is told by Close arrives although replies come that nobody reads any more.
func TestCloseSendsWhatWasTold(t *testing.T) {
	for range 50 {
		near, far := connPair(t, 0)
		told := make(chan string, 1)
		s := serve(t, near, far, func(r *Request) {
			if r.Method == "told" {
				told <- r.Method
			}
			method(r)
		}, nil, nil)
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() { _, _ = s.Call(context.Background(), 0, "echo", make([]byte, 100_000)) })
		}
		_ = s.Tell(0, "told", nil)
		_ = s.Close()
		callers.Wait()
		<-s.ended
		select {
		case <-told:
		default:
			t.Fatal("it got lost")
		}
	}
}

// A server that reads nothing does not hold Close for long.
func TestCloseDoesNotWaitForAStoppedServer(t *testing.T) {
	near, far := connPair(t, 0)
	defer far.Close()
	c := NewCaller(near, nil)
	var callers sync.WaitGroup
	callers.Go(func() { _, _ = c.Call(context.Background(), 0, "x", make([]byte, 8<<20)) })
	one := make([]byte, 1)
	if _, err := far.NetConn().Read(one); err != nil { // the writer is at it
		t.Fatal(err)
	}
	_ = c.Tell(0, "told", nil)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	callers.Wait()
}

// Large results, beyond the limit for what waits, come beside small calls, and all arrive.
func TestLargeResultsBesideOthers(t *testing.T) {
	near, far := connPair(t, 64<<20)
	s := serve(t, near, far, func(r *Request) {
		n := 0
		if len(r.Argument) == 8 {
			n = int(binary.BigEndian.Uint64(r.Argument))
		}
		r.Answer(Reply{Payload: make([]byte, n)})
	}, nil, &ServeOptions{OutputLimit: 1 << 20, StallTimeout: time.Minute})
	var callers sync.WaitGroup
	for _, size := range []int{17 << 20, 3 << 20, 64 << 20, 1 << 20, 20 << 20, 2 << 20} {
		callers.Go(func() {
			got, err := s.Call(context.Background(), 0, "x", binary.BigEndian.AppendUint64(nil, uint64(size)))
			if err != nil || len(got.Payload) != size {
				t.Errorf("%d bytes: %d, %v", size, len(got.Payload), err)
			}
		})
	}
	for range 4 {
		callers.Go(func() {
			for range 300 {
				if _, err := s.Call(context.Background(), 0, "x", nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
}

// Arguments of the largest size, more of them than a server keeps unfinished ones, all arrive.
func TestLargestArgumentsAtOnce(t *testing.T) {
	const size = 1 << 20
	near, far := connPair(t, size)
	s := serve(t, near, far, method, nil, nil)
	var callers sync.WaitGroup
	for n := range 40 {
		callers.Go(func() {
			argument := bytes.Repeat([]byte{byte(n)}, size-n%3)
			got, err := s.Call(context.Background(), 0, "echo", argument)
			if err != nil || !bytes.Equal(got.Payload, argument) {
				t.Errorf("%d bytes: %v", len(got.Payload), err)
			}
		})
		callers.Go(func() { // which is many to have begun, and not large
			argument := make([]byte, segmentSize+1)
			if got, err := s.Call(context.Background(), 0, "echo", argument); err != nil || len(got.Payload) != len(argument) {
				t.Errorf("%d bytes: %v", len(got.Payload), err)
			}
		})
	}
	callers.Wait()
}

// A call that is given up while it waits for its turn, or in the middle of its argument, makes room for others.
func TestGivingUpLargeArgumentsMakesRoom(t *testing.T) {
	const size = 1 << 20
	near, far := connPair(t, size)
	s := serve(t, near, far, method, &CallOptions{VerdictTimeout: time.Minute}, nil)
	for range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() { _, _ = s.Call(ctx, 0, "echo", make([]byte, size)) })
		}
		if _, err := s.Call(context.Background(), 0, "echo", nil); err != nil {
			t.Fatal(err)
		}
		cancel()
		callers.Wait()
	}
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if o := s.out; o.begun != 0 || o.sending != 0 || o.waiting != 0 {
		t.Errorf("%d begun, %d bytes of them, %d bytes wait", o.begun, o.sending, o.waiting)
	}
}

// flood sends requests without ever reading, until the connection ends.
func flood(t *testing.T, c *Conn, size uint64, payload []byte) {
	t.Helper()
	err := c.WriteFrame([]byte(preface))
	for call := uint64(1); err == nil; call++ {
		var header []byte
		if header, err = (&requestHeader{kindRequest, call, 0, "x", size}).MarshalMsg(nil); err == nil {
			err = c.WriteFrame(header, payload)
		}
	}
}

// Whatever the results' size, a client that never reads is held, and dropped, before much is kept for it.
func TestAClientThatDoesNotReadIsDropped(t *testing.T) {
	for _, size := range []int{0, 1 << 20} {
		near, far := connPair(t, 0)
		ended := make(chan error, 1)
		results := 0 // of the goroutine that reads, and then of the test
		go func() {
			ended <- Serve(context.Background(), far, func(r *Request) {
				results++
				r.Answer(Reply{Payload: make([]byte, size)})
			}, &ServeOptions{OutputLimit: 2 << 20, StallTimeout: 200 * time.Millisecond})
		}()
		flood(t, near, 0, nil)
		if err := <-ended; !errors.Is(err, ErrOutputLimit) {
			t.Error(err)
		}
		if kept := results * (size + messageCost); kept > 8<<20 { // and what the socket takes
			t.Errorf("%d results of %d bytes", results, size)
		}
	}
}

// A client that is stopped while one result is on its way finds it, whatever its size.
func TestAClientThatIsStoppedInALargeResultIsKept(t *testing.T) {
	near, far := connPair(t, 0)
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(context.Background(), far, func(r *Request) { r.Answer(Reply{Payload: make([]byte, 4<<20)}) },
			&ServeOptions{OutputLimit: 1 << 20, StallTimeout: 80 * time.Millisecond})
	}()
	request, err := (&requestHeader{kindRequest, 1, 0, "x", 0}).MarshalMsg(nil)
	if err := errors.Join(err, near.WriteFrame([]byte(preface)), near.WriteFrame(request)); err != nil {
		t.Fatal(err)
	}
	timer := time.NewTimer(400 * time.Millisecond)
	defer timer.Stop()
	<-timer.C
	var buf []byte
	for left := 4 << 20; left > 0; {
		if buf, err = near.ReadFrame(buf); err != nil {
			t.Fatal(err)
		}
		left -= min(len(buf), segmentSize)
	}
	_ = near.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A client that reads slowly, and never nothing, is waited for.
func TestAClientThatReadsSlowlyIsKept(t *testing.T) {
	near, far := connPair(t, 0)
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(context.Background(), far, func(r *Request) { r.Answer(Reply{Payload: make([]byte, 1<<20)}) },
			&ServeOptions{OutputLimit: 1 << 20, StallTimeout: time.Second})
	}()
	err := near.WriteFrame([]byte(preface))
	for call := uint64(1); err == nil && call <= 8; call++ {
		var header []byte
		if header, err = (&requestHeader{kindRequest, call, 0, "x", 0}).MarshalMsg(nil); err == nil {
			err = near.WriteFrame(header)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	var buf []byte
	for left := 8 << 20; left > 0; {
		if buf, err = near.ReadFrame(buf); err != nil {
			t.Fatal(err)
		}
		left -= min(len(buf), segmentSize)
		<-ticker.C
	}
	_ = near.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Arguments that are announced and do not come are few, whatever their size.
func TestArgumentsThatDoNotComeAreFew(t *testing.T) {
	near, far := connPair(t, 0)
	ended := make(chan error, 1)
	go func() { ended <- Serve(context.Background(), far, method, nil) }()
	flood(t, near, 1<<20, nil)
	if err := <-ended; !errors.Is(err, ErrInputLimit) {
		t.Error(err)
	}
}

// As many calls as may be in progress keep none from being answered that does not wait.
func TestCallsThatDoNotWaitAreNeverTooMany(t *testing.T) {
	near, far := connPair(t, 0)
	held := make(chan *Request, 1)
	s := serve(t, near, far, func(r *Request) {
		switch r.Method {
		case "hold":
			held <- r
		case "let go":
			(<-held).Answer(Reply{})
			r.Answer(Reply{})
		case "wait":
			r.OnCancel(func() { r.Answer(ErrorReply(context.Canceled)) })
		}
	}, nil, &ServeOptions{MaxCalls: 1})
	result := make(chan error, 1)
	go func() { _, err := s.Call(context.Background(), 0, "hold", nil); result <- err }()
	held <- <-held // it is there
	if _, err := s.Call(context.Background(), 0, "wait", nil); !errors.Is(err, ErrTooManyCalls) {
		t.Error(err)
	}
	if _, err := s.Call(context.Background(), 0, "let go", nil); err != nil {
		t.Error(err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}
