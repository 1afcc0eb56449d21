package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02ok\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, src []byte) {
		const limit = 1 << 16
		c := NewConn(stream{Reader: bytes.NewReader(src)}, limit)
		var again []byte
		for {
			frame, err := c.ReadFrame(nil)
			if err != nil {
				break
			}
			if len(frame) > limit {
				t.Fatalf("%d bytes", len(frame))
			}
			again = append(appendFrameHeader(again, int64(len(frame))), frame...)
		}
		if len(again) > len(src) {
			t.Fatal("more came out than went in")
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x81\xa1k\x01"))
	f.Fuzz(func(t *testing.T, src []byte) {
		decodeAgain[int8](t, src)
		decodeAgain[uint32](t, src)
		decodeAgain[string](t, src)
		decodeAgain[[]int](t, src)
		decodeAgain[[][]byte](t, src)
		decodeAgain[map[string]int](t, src)
		decodeAgain[map[int64]string](t, src)
		decodeAgain[map[key]*node](t, src)
		decodeAgain[kitchen](t, src)
		decodeAgain[any](t, src)
		decodeAgain[map[any]any](t, src)
		decodeAgain[time.Time](t, src)
		decodeAgain[ringMessage](t, src)
		decodeAgain[Token](t, src)
	})
}

// decodeAgain: what decodes at all encodes, and decodes again.
func decodeAgain[T any](t *testing.T, src []byte) {
	c := codecOf[T](t)
	var v, again T
	if err := c.Decode(src, &v); err != nil {
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooDeep) || errors.As(err, new(*PanicError)) {
			t.Fatalf("%T: %v", v, err)
		}
		return
	}
	encoded, err := c.Append(nil, &v)
	if err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	if err := c.Decode(encoded, &again); err != nil {
		t.Fatalf("%T: %x: %v", v, encoded, err)
	}
}

func FuzzFindTokens(f *testing.F) {
	f.Add(AppendToken([]byte{0x92, 1}, Token{"Lock", "/s", 9, 0}))
	f.Fuzz(func(t *testing.T, src []byte) {
		tokens, err := FindTokens(src)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooDeep) {
				t.Fatal(err)
			}
			return
		}
		for _, token := range tokens {
			got, err := FindTokens(AppendToken(nil, token))
			if err != nil || len(got) != 1 || got[0] != token {
				t.Fatal(got, err)
			}
		}
	})
}

func FuzzDecodeError(f *testing.F) {
	f.Add(AppendError(nil, io.EOF))
	f.Fuzz(func(t *testing.T, src []byte) {
		e, err := DecodeError(src)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooDeep) {
				t.Fatal(err)
			}
			return
		}
		_ = errors.Is(e, io.EOF)
		if got, err := DecodeError(AppendError(nil, e)); err != nil || len(e.Message) <= maxErrorMessage && got.Message != e.Message {
			t.Fatal(got, err)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte("{sha256}0123456789"), true)
	f.Fuzz(func(t *testing.T, message []byte, allowMD5 bool) {
		o := AuthOptions{Key: testKey, AllowMD5: allowMD5}
		if err := o.verify([]byte("{sha256}"+string(sequence(nonceLength))), message); !errors.Is(err, ErrAuthentication) {
			t.Fatalf("accepted: %v", err)
		}
		response, err := o.respond(message)
		if err != nil {
			if !errors.Is(err, ErrAuthentication) {
				t.Fatal(err)
			}
			return
		}
		if err := o.verify(message, response); err != nil && len(message) != legacyResponse {
			t.Fatal(err)
		}
		if len(response) > maxAuthFrame {
			t.Fatal("too long for a handshake")
		}
	})
}

// A script is a connection on which the peer has said all that it will ever say.
type script struct {
	net.Conn
	io.Reader
}

func (s script) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (script) Write(p []byte) (int, error)  { return len(p), nil }
func (script) Close() error                 { return nil }
func (script) SetDeadline(time.Time) error  { return nil }

func FuzzServe(f *testing.F) {
	f.Add([]byte("\x95\x01\x07\x00\xa4echo\x01x"))
	f.Fuzz(func(_ *testing.T, src []byte) {
		stream := appendFrameHeader(nil, int64(len(preface)))
		stream = append(append(stream, preface...), src...)
		c := NewConn(script{Reader: bytes.NewReader(stream)}, 1<<16)
		_ = Serve(context.Background(), c, method, &ServeOptions{MaxCalls: 10, InputLimit: 1 << 16})
	})
}

func FuzzCaller(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0a\x94\x02\x01\xa7#RETURN\x00"))
	f.Fuzz(func(_ *testing.T, src []byte) {
		c := NewCaller(NewConn(script{Reader: bytes.NewReader(src)}, 1<<16), nil)
		_, _ = c.Call(context.Background(), 0, "x", nil)
		<-c.Lost()
	})
}
