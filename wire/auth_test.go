package wire

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

var testKey = []byte("correct horse")

func sequence(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// The codes were computed with CPython's hmac.
func TestGoldenResponses(t *testing.T) {
	for name, want := range map[string]string{
		"sha256": "9cdc6e11c4f33977e690eb7a4a6dd1eb19b60b60e883a60a25f6a56cd61c76bb",
		"sha384": "e932bdaf7aa017124a3fef5df1dd2857499b30dc1808d77d7976e5e75daff701" +
			"ef1ef698005c31fa51e634f9d71fa31b",
		"sha3_256": "08f0d6777c9fbf0bed127a5285273041cf40c4415f6ce2a18e1a8fe61ecef9db",
		"sha3_384": "faf4800b36424a1b2fea1024166ba471f4157a9f57809903b76a6b21ffb1ab3b" +
			"e324b2fb8689570818e85b87b047d4f7",
		"md5": "da0ea3d8a62db23af2de71ce10c9a3e2",
	} {
		message := append([]byte("{"+name+"}"), sequence(40)...)
		o := AuthOptions{Key: testKey, AllowMD5: true}
		got, err := o.respond(message)
		if err != nil || string(got[:len(name)+2]) != "{"+name+"}" || hex.EncodeToString(got[len(name)+2:]) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err := o.verify(message, got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got[len(got)-1] ^= 1
		if err := o.verify(message, got); !errors.Is(err, ErrAuthentication) {
			t.Errorf("%s: a wrong code: %v", name, err)
		}
	}
	legacy, err := AuthOptions{Key: testKey, AllowMD5: true}.respond(sequence(20))
	if err != nil || hex.EncodeToString(legacy) != "b425c879649342585dc5b6a41a2a09bc" {
		t.Errorf("%x, %v", legacy, err)
	}
}

func TestRefusedMessages(t *testing.T) {
	o := AuthOptions{Key: testKey}
	for _, message := range []string{
		"", "short", "{sha256", "{sha1}" + string(sequence(40)), "{md5}" + string(sequence(40)), string(sequence(20)),
		string(sequence(48)), "{}" + string(sequence(40)),
	} {
		if got, err := o.respond([]byte(message)); !errors.Is(err, ErrAuthentication) {
			t.Errorf("responds to %q with %q, %v", message, got, err)
		}
		if err := o.verify([]byte("{sha256}"+string(sequence(40))), []byte(message)); !errors.Is(err, ErrAuthentication) {
			t.Errorf("accepts %q: %v", message, err)
		}
	}
}

func shakeHands(client, server AuthOptions) (clientErr, serverErr error) {
	a, b := net.Pipe()
	near, far := NewConn(a, 0), NewConn(b, 0)
	defer near.Close()
	defer far.Close()
	served := make(chan error, 1)
	go func() {
		err := server.Server(context.Background(), far)
		if err != nil {
			far.Close()
		}
		served <- err
	}()
	if clientErr = client.Client(context.Background(), near); clientErr != nil {
		near.Close()
	}
	return clientErr, <-served
}

func TestHandshake(t *testing.T) {
	good, bad := AuthOptions{Key: testKey}, AuthOptions{Key: []byte("wrong")}
	if c, s := shakeHands(good, good); c != nil || s != nil {
		t.Error(c, s)
	}
	for _, pair := range [][2]AuthOptions{{good, bad}, {bad, good}} {
		if c, s := shakeHands(pair[0], pair[1]); !errors.Is(c, ErrAuthentication) || !errors.Is(s, ErrAuthentication) {
			t.Error(c, s)
		}
	}
	if c, _ := shakeHands(AuthOptions{}, good); !errors.Is(c, ErrAuthentication) {
		t.Error(c)
	}
}

func TestHandshakeRestoresTheConnection(t *testing.T) {
	near, far := connPair(t, 5000)
	o := AuthOptions{Key: testKey, Timeout: time.Minute}
	result := make(chan error, 1)
	go func() { result <- o.Server(context.Background(), far) }()
	if err := errors.Join(o.Client(context.Background(), near), <-result); err != nil {
		t.Fatal(err)
	}
	go func() { result <- near.WriteFrame(make([]byte, 5000)) }()
	if got, err := far.ReadFrame(nil); len(got) != 5000 || err != nil {
		t.Error(len(got), err)
	}
	<-result
	if err := near.WriteFrame(make([]byte, 5001)); !errors.Is(err, ErrFrameTooLarge) {
		t.Error(err)
	}
}

func TestAnUnknownPeerMaySendLittle(t *testing.T) {
	near, far := connPair(t, 0)
	if err := near.WriteFrame(make([]byte, maxAuthFrame+1)); err != nil {
		t.Fatal(err)
	}
	if err := (AuthOptions{Key: testKey}).Server(context.Background(), far); !errors.Is(err, ErrFrameTooLarge) {
		t.Error(err)
	}
}

func TestASilentPeerTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		near, far := NewConn(a, 0), NewConn(b, 0)
		defer near.Close()
		defer far.Close()
		began := time.Now()
		err := AuthOptions{Key: testKey, Timeout: 3 * time.Second}.Client(context.Background(), near)
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != 3*time.Second {
			t.Error(err, took)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = AuthOptions{Key: testKey}.Client(ctx, near)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestAPeerThatLeaves(t *testing.T) {
	near, far := connPair(t, 0)
	near.Close()
	err := AuthOptions{Key: testKey}.Client(context.Background(), far)
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
