package wire

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrAuthentication is wrapped when the peer did not prove that it has the key, or did not accept ours.
var ErrAuthentication = errors.New("authentication failed")

// DefaultAuthTimeout bounds a handshake whose options name no timeout.
const DefaultAuthTimeout = 10 * time.Second

// AuthOptions say how two peers prove to each other that they have the same key: by the mutual challenge of CPython
// 3.12's multiprocessing. It shows who is there; it does not protect what is sent after it. The bytes on the wire
// are in PROTOCOL.md.
type AuthOptions struct {
	// Key is the shared secret. It must not be empty.
	Key []byte
	// Timeout bounds the whole handshake; 0 means DefaultAuthTimeout.
	Timeout time.Duration
	// AllowMD5 also accepts peers that know nothing but HMAC-MD5: CPython up to 3.11.
	AllowMD5 bool
}

const (
	challengePrefix = "#CHALLENGE#"
	welcome         = "#WELCOME#"
	failure         = "#FAILURE#"
	nonceLength     = 40  // bytes; more than legacyChallenge, which is how the two forms are told apart
	maxAuthFrame    = 256 // bytes
)

// Server is the handshake of the side that was connected to: it challenges first and then answers. It blocks until
// both sides are satisfied, or one is not, or the timeout or ctx ends. Nothing else may use c meanwhile. c's limit
// for frames is 256 bytes during the handshake and what it was before after it. On an error, c is to be closed.
// Errors wrap ErrAuthentication, ctx's error, os.ErrDeadlineExceeded, or are those of ReadFrame and WriteFrame.
func (o AuthOptions) Server(ctx context.Context, c *Conn) error {
	return o.handshake(ctx, c, o.deliverChallenge, o.answerChallenge)
}

// Client is the handshake of the side that connected: it answers first and then challenges. Otherwise it is as Server.
func (o AuthOptions) Client(ctx context.Context, c *Conn) error {
	return o.handshake(ctx, c, o.answerChallenge, o.deliverChallenge)
}

func (o AuthOptions) handshake(ctx context.Context, c *Conn, steps ...func(*Conn) error) error {
	if len(o.Key) == 0 {
		return fmt.Errorf("wire: handshake: %w: the key is empty", ErrAuthentication)
	}
	defer c.maxFrame.Store(c.maxFrame.Swap(maxAuthFrame))
	release, err := bound(ctx, c, orDefault(o.Timeout, DefaultAuthTimeout))
	for i := 0; i < len(steps) && err == nil; i++ {
		err = steps[i](c)
	}
	if late := release(); err == nil {
		err = late
	}
	if ctx.Err() != nil && err != nil && !errors.Is(err, ErrAuthentication) {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("wire: handshake: %w", err)
	}
	return nil
}

// bound makes reading and writing end when the timeout or ctx does. release undoes it.
func bound(ctx context.Context, c *Conn, timeout time.Duration) (release func() error, err error) {
	err = c.conn.SetDeadline(time.Now().Add(timeout))
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = c.conn.SetDeadline(time.Unix(1, 0)) // it fails only when the connection is closed
	})
	return func() error {
		if !stop() {
			<-ended
			return os.ErrDeadlineExceeded
		}
		return c.conn.SetDeadline(time.Time{})
	}, err
}

func (o AuthOptions) deliverChallenge(c *Conn) error {
	message := append([]byte("{sha256}"), make([]byte, nonceLength)...)
	_, _ = rand.Read(message[len(message)-nonceLength:]) // it never fails: Go ends the program instead
	if err := c.WriteFrame([]byte(challengePrefix), message); err != nil {
		return err
	}
	response, err := c.ReadFrame(nil)
	if err != nil {
		return err
	}
	if err := o.verify(message, response); err != nil {
		_ = c.WriteFrame([]byte(failure)) // what matters is why we say so
		return err
	}
	return c.WriteFrame([]byte(welcome))
}

func (o AuthOptions) answerChallenge(c *Conn) error {
	challenge, err := c.ReadFrame(nil)
	if err != nil {
		return err
	}
	message, ok := bytes.CutPrefix(challenge, []byte(challengePrefix))
	if !ok {
		return fmt.Errorf("%w: the peer sent no challenge", ErrAuthentication)
	}
	response, err := o.respond(message)
	if err != nil {
		return err
	}
	if err := c.WriteFrame(response); err != nil {
		return err
	}
	verdict, err := c.ReadFrame(challenge)
	if err != nil {
		return err
	}
	if string(verdict) != welcome {
		return fmt.Errorf("%w: the peer did not accept our key", ErrAuthentication)
	}
	return nil
}
