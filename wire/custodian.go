package wire

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrNoCustodian is wrapped when a value carries tokens and nothing in this program can keep their objects alive.
var ErrNoCustodian = errors.New("no custodian for the tokens in a value")

// A Custodian keeps the objects alive that the tokens in a travelling value name. The package that knows managers
// sets the process's only one; what carries values calls [Hold], [Dispatch], [Adopt] and [Release].
//
// There are two ways to pass on a value with tokens. A sender that hears of its receiver holds the tokens and then sends;
// the receiver adopts them and says so; the sender, told so or having lost its peer, releases what it held: nobody else
// can. A sender that does not dispatches the message, which gets a passage: a number of its own that each token in it
// tells, and whoever adopts them ends that passage and no other. Either way the objects have at least one reference at
// every moment, and what a sender that died has held or dispatched stays for a grace period.
//
// All methods are called from any number of goroutines at once. They must not keep the slice.
type Custodian interface {
	// Hold takes one reference to the object of each token, on behalf of a message that is about to leave.
	// It takes all of them or, with an error, none. It may block until ctx ends.
	Hold(ctx context.Context, tokens []Token) error
	// Dispatch takes one reference, in transit, to the object of each token in a message that is about to leave, and
	// returns the message's passage, which is not 0 and no other message's. It takes all of them or, with an error,
	// none. It may block until ctx ends.
	Dispatch(ctx context.Context, tokens []Token) (passage uint64, err error)
	// Adopt takes one reference of this process's own to the object of each token in a message that arrived: the
	// handles that are decoded from it use them. Where a token has a passage, that is over. It takes all or none. It
	// may block until ctx ends.
	Adopt(ctx context.Context, tokens []Token) error
	// Release lets go of references that Hold took, once for each. Tokens with a passage are those of a message that
	// was dispatched, and will not be sent, or has arrived and will not be decoded: their passage is over. It does not
	// wait for a manager.
	Release(tokens []Token)
	// Decode makes a proxy of the token that src begins with, for a value of type any, and returns what follows the token. It is
	// called by decodings, of which it is one: it may block, and does with the references that have come with the message what
	// other types of proxies do.
	Decode(src []byte) (proxy any, rest []byte, err error)
}

var custodian atomic.Pointer[Custodian]

// SetCustodian sets the process's custodian, in the initialisation of a package. It panics at a second call, and
// for nil. It is safe for concurrent use.
func SetCustodian(c Custodian) {
	if c == nil {
		panic("wire: SetCustodian: nil")
	}
	if !custodian.CompareAndSwap(nil, &c) {
		panic("wire: SetCustodian: there is one already; a process has one")
	}
}

// Hold calls the custodian's Hold. With no tokens it returns nil at once; with tokens and no custodian the error
// wraps ErrNoCustodian. It is safe for concurrent use and blocks as long as the custodian does, at most until ctx
// ends.
func Hold(ctx context.Context, tokens []Token) error {
	c, err := custodianFor(tokens)
	if c == nil {
		return err
	}
	return c.Hold(ctx, tokens)
}

// Dispatch calls the custodian's Dispatch for the tokens in message, which holds encoded values one after another, and
// returns what to send in its place: message itself if there are none, otherwise a longer copy whose tokens tell their
// passage. With tokens and no custodian the error wraps ErrNoCustodian. It is safe for concurrent use and blocks as long
// as the custodian does, at most until ctx ends. A message that is not sent after all is to be released.
func Dispatch(ctx context.Context, message []byte) ([]byte, error) {
	tokens, err := FindTokens(message)
	if err != nil {
		return nil, err
	}
	c, err := custodianFor(tokens)
	if c == nil {
		return message, err
	}
	passage, err := c.Dispatch(ctx, tokens)
	if err != nil {
		return nil, err
	}
	return markTokens(message, passage)
}

// Adopt calls the custodian's Adopt, under the same terms as Hold.
func Adopt(ctx context.Context, tokens []Token) error {
	c, err := custodianFor(tokens)
	if c == nil {
		return err
	}
	return c.Adopt(ctx, tokens)
}

// Release calls the custodian's Release. It does nothing with no tokens, or with no custodian: then nothing was
// taken. It is safe for concurrent use and does not block.
func Release(tokens []Token) {
	if c, _ := custodianFor(tokens); c != nil {
		c.Release(tokens)
	}
}

func custodianFor(tokens []Token) (Custodian, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	c := custodian.Load()
	if c == nil {
		return nil, fmt.Errorf("wire: %w: the first is a %s", ErrNoCustodian, tokens[0].Type)
	}
	return *c, nil
}
