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
// sets the process's only one; what carries values calls [Hold], [Adopt] and [Release].
//
// A value with tokens is passed on in three steps: its sender holds the tokens and then sends; its receiver adopts
// them and says so; the sender, told so or having lost its peer, releases what it held. The objects have at least one
// reference at every moment.
//
// All methods are called from any number of goroutines at once. They must not keep the slice.
type Custodian interface {
	// Hold takes one reference to the object of each token, on behalf of a message that is about to leave.
	// It takes all of them or, with an error, none. It may block until ctx ends.
	Hold(ctx context.Context, tokens []Token) error
	// Adopt takes one reference of this process's own to the object of each token in a message that arrived: the
	// handles that are decoded from it use them. It takes all or none. It may block until ctx ends.
	Adopt(ctx context.Context, tokens []Token) error
	// Release lets go of references that Hold took, once for each. It does not wait for a manager.
	Release(tokens []Token)
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

// Adopt calls the custodian's Adopt, under the same terms as Hold.
func Adopt(ctx context.Context, tokens []Token) error {
	c, err := custodianFor(tokens)
	if c == nil {
		return err
	}
	return c.Adopt(ctx, tokens)
}

// Release calls the custodian's Release. It does nothing with no tokens, or with no custodian: Hold then took
// nothing. It is safe for concurrent use and does not block.
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
