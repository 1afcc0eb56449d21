package wire

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCancelIsAnsweredWithAVerdict(t *testing.T) {
	s := dialled(t, &CallOptions{VerdictTimeout: time.Minute}, nil)
	for range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		result := make(chan error, 2)
		go func() {
			_, err := s.Call(ctx, 0, "wait", nil)
			result <- err
		}()
		go func() {
			got, err := s.Call(ctx, 0, "grant", nil)
			if err == nil && string(got.Payload) != "granted" {
				err = errors.New("no grant")
			}
			if errors.Is(err, context.Canceled) { // it was withdrawn before it was sent
				err = nil
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
		if _, err := s.Call(ctx, 0, "echo", nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	cause := errors.New("cause")
	ctx, cancel := context.WithCancelCause(context.Background())
	result := make(chan error)
	go func() { _, err := s.Call(ctx, 0, "wait", nil); result <- err }()
	cancel(cause)
	if err := <-result; !errors.Is(err, cause) {
		t.Error(err)
	}
}

func TestAGrantThatWonIsReturned(t *testing.T) {
	entered := make(chan struct{})
	near, far := connPair(t, 0)
	s := serve(t, near, far, func(r *Request) {
		close(entered)
		method(r)
	}, nil, nil)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-entered; cancel() }()
	if got, err := s.Call(ctx, 0, "grant", nil); err != nil || string(got.Payload) != "granted" {
		t.Error(got, err)
	}
}

func TestNoVerdictLosesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() { // reads, and never answers
			for c := NewConn(far, 0); ; {
				if _, err := c.ReadFrame(nil); err != nil {
					return
				}
			}
		}()
		c := NewCaller(NewConn(near, 0), nil)
		other := make(chan error)
		go func() { _, err := c.Call(context.Background(), 0, "other", nil); other <- err }()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := c.Call(ctx, 0, "x", nil)
		if took := time.Since(began); !errors.Is(err, ErrConnectionLost) || took != time.Minute+DefaultVerdictTimeout {
			t.Error(err, took)
		}
		if err := <-other; !errors.Is(err, ErrConnectionLost) {
			t.Error(err)
		}
		<-c.Lost()
		if _, err := c.Call(context.Background(), 0, "x", nil); !errors.Is(err, ErrConnectionLost) || !errors.Is(c.Err(), ErrConnectionLost) {
			t.Error(err, c.Err())
		}
		_, _ = c.Close(), far.Close()
	})
}

// A large argument in front of it must not keep a Cancel from its way.
func TestLargeArgumentsLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		peer, c := NewConn(far, 0), NewCaller(NewConn(near, 0), nil)
		defer c.Close()
		defer far.Close()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		result := make(chan error, 1)
		go func() { _, err := c.Call(ctx, 0, "large", make([]byte, 8<<20)); result <- err }()
		synctest.Wait() // it is call 1
		other := make(chan error, 1)
		go func() { _, err := c.Call(context.Background(), 0, "other", make([]byte, 8<<20)); other <- err }()
		var frame []byte
		for kindOf(frame) != kindSegment {
			frame = read(t, peer, frame)
		}
		cancel()
		synctest.Wait() // for the Cancel to be queued behind the batch that is being written
		for seen := 0; kindOf(frame) != kindCancel; seen++ {
			if seen > batchSize/segmentSize {
				t.Fatalf("no Cancel after %d frames", seen)
			}
			frame = read(t, peer, frame)
		}
		payload := AppendError(nil, context.Canceled)
		header, _ := (&replyHeader{kindReply, 1, Error, uint64(len(payload))}).MarshalMsg(nil)
		if err := peer.WriteFrame(header, payload); err != nil {
			t.Fatal(err)
		}
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		_ = c.Close()
		if err := <-other; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

func TestACallThatWasNotSentNeedsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // nobody reads
		defer far.Close()
		c := NewCaller(NewConn(near, 0), nil)
		defer c.Close()
		synctest.Wait() // for the writer to be stuck
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := c.Call(ctx, 0, "x", nil)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != time.Minute || c.Err() != nil {
			t.Error(err, took, c.Err())
		}
	})
}

func TestACallThatWasHalfSentIsCancelledAtOnce(t *testing.T) {
	near, far := connPair(t, 0)
	ended := make(chan error, 1)
	go func() { ended <- Serve(context.Background(), far, method, nil) }()
	request, _ := (&requestHeader{kindRequest, 1, 0, "echo", 10}).MarshalMsg(nil)
	cancel, _ := (&cancelHeader{kindCancel, 1}).MarshalMsg(nil)
	for _, frame := range [][]byte{[]byte(preface), append(request, 'x'), cancel} {
		if err := near.WriteFrame(frame); err != nil {
			t.Fatal(err)
		}
	}
	var h replyHeader
	payload, err := h.UnmarshalMsg(read(t, near, nil))
	if err != nil || h.Call != 1 {
		t.Fatal(h, err)
	}
	if remote, err := DecodeError(payload); err != nil || !errors.Is(remote, context.Canceled) {
		t.Error(remote, err)
	}
	_ = near.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, c *Conn, buf []byte) []byte {
	t.Helper()
	frame, err := c.ReadFrame(buf)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// Serve waits for an answer that another goroutine is composing, also when the handler returns after that has begun.
func TestServeWaitsForAnAnswerThatIsBeingComposed(t *testing.T) {
	near, far := connPair(t, 0)
	begun, finish := make(chan struct{}), make(chan struct{})
	var composed atomic.Bool
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(context.Background(), far, func(r *Request) {
			go r.AnswerWith(func() Reply {
				close(begun)
				<-finish
				composed.Store(true)
				return Reply{}
			})
			<-begun
		}, &ServeOptions{Ended: func() {
			if !composed.Load() {
				t.Error("it is over before the answer is")
			}
		}})
	}()
	c := NewCaller(near, nil)
	called := make(chan error, 1)
	go func() { _, err := c.Call(context.Background(), 0, "x", nil); called <- err }()
	<-begun
	_ = c.Close()
	select {
	case <-ended:
		t.Error("it did not wait")
	case <-time.After(100 * time.Millisecond):
	}
	close(finish)
	<-called
}
