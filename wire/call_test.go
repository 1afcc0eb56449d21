package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"strings"
	"sync"
	"testing"
)

// serving is a Caller and the end of the Serve that answers it.
type serving struct {
	*Caller
	client *Conn
	ended  chan error // Serve's result
}

func serve(t testing.TB, near, far *Conn, h Handler, co *CallOptions, so *ServeOptions) *serving {
	t.Helper()
	s := &serving{Caller: NewCaller(near, co), client: near, ended: make(chan error, 1)}
	go func() { s.ended <- Serve(context.Background(), far, h, so); close(s.ended) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-s.ended
	})
	return s
}

// method carries out the methods that the tests call.
var method = InGoroutines(carryOut)

func carryOut(ctx context.Context, r *Request) Reply {
	switch r.Method {
	case "echo":
		return Reply{Payload: r.Argument}
	case "object":
		return Reply{Kind: Proxy, Payload: binary.BigEndian.AppendUint64(nil, r.Object)}
	case "fail":
		return ErrorReply(fs.ErrExist)
	case "panic":
		panic("boom")
	case "wait":
		<-ctx.Done()
		return ErrorReply(ctx.Err())
	case "grant": // carried out although the caller gave up
		<-ctx.Done()
		return Reply{Payload: []byte("granted")}
	}
	return Reply{Kind: 77}
}

func dialled(t testing.TB, co *CallOptions, so *ServeOptions) *serving {
	near, far := connPair(t, 64<<20)
	return serve(t, near, far, method, co, so)
}

func TestManyCallsAtOnce(t *testing.T) {
	for _, h := range []Handler{method, func(r *Request) { r.Answer(carryOut(t.Context(), r)) }} {
		near, far := connPair(t, 64<<20)
		s := serve(t, near, far, h, nil, nil)
		var callers sync.WaitGroup
		for n := range 32 {
			callers.Go(func() {
				for i := range 50 {
					argument := bytes.Repeat([]byte{byte(n)}, i*i*n)
					got, err := s.Call(context.Background(), 0, "echo", argument)
					if err != nil || got.Kind != Return || !bytes.Equal(got.Payload, argument) {
						t.Errorf("%d bytes for %d: %v", len(got.Payload), len(argument), err)
						return
					}
				}
			})
		}
		callers.Wait()
	}
}

func TestKindsOfReply(t *testing.T) {
	s, ctx := dialled(t, nil, nil), context.Background()
	if got, err := s.Call(ctx, 1<<40, "object", nil); err != nil || got.Kind != Proxy || binary.BigEndian.Uint64(got.Payload) != 1<<40 {
		t.Error(got, err)
	}
	var remote *RemoteError
	if _, err := s.Call(ctx, 0, "fail", nil); !errors.Is(err, fs.ErrExist) || !errors.As(err, &remote) {
		t.Error(err)
	}
	if _, err := s.Call(ctx, 0, "panic", nil); !errors.As(err, &remote) || !remote.Panic || !strings.Contains(remote.Stack, "call_test.go") {
		t.Errorf("%+v", err)
	}
	if _, err := s.Call(ctx, 0, "?", nil); !errors.As(err, &remote) || !strings.Contains(err.Error(), "kind 77") {
		t.Error(err)
	}
}

// A peer whose reply is of a kind that there is not speaks another protocol.
func TestReplyOfAnUnknownKind(t *testing.T) {
	for _, reply := range []string{"\x94\x02\x01\xa5#WHAT\x00", "\x94\x02\x01\xd9\x05#WHAT\x00"} {
		near, far := net.Pipe()
		peer, c := NewConn(far, 0), NewCaller(NewConn(near, 0), nil)
		failed := make(chan error, 1)
		go func() { _, err := c.Call(context.Background(), 0, "x", nil); failed <- err }()
		for frame := []byte(nil); kindOf(frame) != kindRequest; {
			frame = read(t, peer, frame)
		}
		if err := peer.WriteFrame([]byte(reply)); err != nil {
			t.Error(err)
		}
		if err := <-failed; !errors.Is(err, ErrProtocol) || !errors.Is(err, ErrConnectionLost) {
			t.Error(err)
		}
		_ = c.Close()
		_ = far.Close()
	}
}

func TestLimitsOfMessages(t *testing.T) {
	near, far := connPair(t, 1000)
	s := serve(t, near, far, func(r *Request) {
		r.Answer(Reply{Payload: make([]byte, 2*len(r.Argument))})
	}, nil, nil)
	ctx := context.Background()
	if _, err := s.Call(ctx, 0, "x", make([]byte, 1001)); !errors.Is(err, ErrFrameTooLarge) {
		t.Error(err)
	}
	var remote *RemoteError
	if _, err := s.Call(ctx, 0, "x", make([]byte, 700)); !errors.As(err, &remote) || !errors.Is(err, ErrFrameTooLarge) {
		t.Error(err)
	}
	if _, err := s.Call(ctx, 0, strings.Repeat("x", segmentSize), nil); !errors.Is(err, ErrFrameTooLarge) {
		t.Error(err)
	}
	if got, err := s.Call(ctx, 0, "x", make([]byte, 628)); err != nil || len(got.Payload) != 1000+ReplyAllowance {
		t.Error(err)
	}
}

func TestTooManyCalls(t *testing.T) {
	s := dialled(t, nil, &ServeOptions{MaxCalls: 1})
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 2)
	for range 2 {
		go func() { _, err := s.Call(ctx, 0, "wait", nil); result <- err }()
	}
	if err := <-result; !errors.Is(err, ErrTooManyCalls) {
		t.Error(err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Calls that are answered later, by any goroutine, count until then and no longer.
func TestAnsweredCallsMakeRoom(t *testing.T) {
	s := dialled(t, nil, &ServeOptions{MaxCalls: 2})
	for range 500 {
		if _, err := s.Call(context.Background(), 0, "echo", nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServeRefusesNonsense(t *testing.T) {
	request, _ := (&requestHeader{kindRequest, 1, 0, "wait", 10}).MarshalMsg(nil)
	segment, _ := (&segmentHeader{kindSegment, 1}).MarshalMsg(nil)
	half, _ := (&requestHeader{kindRequest, told, 0, "wait", 1}).MarshalMsg(nil)
	for name, frames := range map[string][][]byte{
		"another protocol": {[]byte("hello")},
		"no message":       {[]byte(preface), []byte("hello")},
		"half a header":    {[]byte(preface), request[:3]},
		"too much":         {[]byte(preface), append(request[:len(request):len(request)], make([]byte, 11)...)},
		"twice":            {[]byte(preface), request, request},
		"a lone segment":   {[]byte(preface), append(segment, 1)},
		"a lying length":   {[]byte(preface), []byte("\x95\x01\x07\x00\xdb\xff\xff\xff\xff\x01x")},
		"told in parts":    {[]byte(preface), half},
	} {
		near, far := connPair(t, 0)
		for _, frame := range frames {
			if err := near.WriteFrame(frame); err != nil {
				t.Fatal(err)
			}
		}
		if err := Serve(context.Background(), far, method, nil); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	near, far := connPair(t, 100)
	huge, _ := (&requestHeader{kindRequest, 1, 0, "wait", 1 << 60}).MarshalMsg(nil)
	_ = errors.Join(near.WriteFrame([]byte(preface)), near.WriteFrame(huge))
	if err := Serve(context.Background(), far, method, nil); !errors.Is(err, ErrFrameTooLarge) {
		t.Error(err)
	}
}

func TestServeEnds(t *testing.T) {
	s := dialled(t, nil, nil)
	result := make(chan error)
	go func() { _, err := s.Call(context.Background(), 0, "wait", nil); result <- err }()
	if _, err := s.Call(context.Background(), 0, "echo", nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-result; !errors.Is(err, ErrClosed) || !errors.Is(s.Err(), ErrClosed) {
		t.Error(err, s.Err())
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}

	near, far := connPair(t, 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Serve(ctx, far, method, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	c := NewCaller(near, nil)
	defer c.Close()
	if _, err := c.Call(context.Background(), 0, "echo", nil); !errors.Is(err, ErrConnectionLost) {
		t.Error(err)
	}
}

// However Call, Cancel and Close meet, nothing hangs and nothing stays behind: TestMain looks.
func TestCloseACallerAtAnyMoment(t *testing.T) {
	for n := range 50 {
		s := dialled(t, nil, nil)
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() { _, _ = s.Call(ctx, 0, []string{"wait", "grant", "echo"}[i%3], make([]byte, n*10_000)) })
		}
		all.Go(cancel)
		all.Go(func() { _ = s.Close() })
		all.Go(func() { _ = s.Close() })
		all.Wait()
		cancel()
	}
}
