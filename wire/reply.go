package wire

import (
	"context"
	"errors"
	"fmt"
)

// A ReplyKind says what a reply's payload is. The names are CPython's.
type ReplyKind string

const (
	// Return is the encoded result of a method.
	Return ReplyKind = "#RETURN"
	// Error is an error that a method returned, as AppendError encodes it.
	Error ReplyKind = "#ERROR"
	// Traceback is a fault of the server or a panic of the method, as AppendError encodes it.
	Traceback ReplyKind = "#TRACEBACK"
	// Proxy is a result that stayed with the server as a shared object: its encoded Token.
	Proxy ReplyKind = "#PROXY"
	// Unserializable is a result that could not be encoded: the error, as AppendError encodes it.
	Unserializable ReplyKind = "#UNSERIALIZABLE"
)

// A Reply is the answer to a call; with no Kind it is a Return. Payload belongs to whoever received it.
type Reply struct {
	Kind    ReplyKind
	Payload []byte
}

// ErrorReply returns the reply for an error: of the kind Traceback when it holds a panic, else Error. err must not be
// nil.
func ErrorReply(err error) Reply {
	kind := Error
	if errors.As(err, new(*PanicError)) {
		kind = Traceback
	}
	return Reply{kind, AppendError(nil, err)}
}

// result returns the reply or the error that it stands for. ctx is the call's.
func (r Reply) result(ctx context.Context, method string) (Reply, error) {
	switch r.Kind {
	case Return, Proxy:
		return r, nil
	case Error, Traceback, Unserializable:
		remote, err := DecodeError(r.Payload)
		if err != nil {
			return Reply{}, fmt.Errorf("wire: call %s: %w: %w", method, ErrProtocol, err)
		}
		if ctx.Err() != nil && errors.Is(remote, context.Canceled) {
			return Reply{}, fmt.Errorf("wire: call %s: %w", method, context.Cause(ctx))
		}
		return Reply{}, remote
	default:
		return Reply{}, fmt.Errorf("wire: call %s: %w: a reply of the kind %q", method, ErrProtocol, r.Kind)
	}
}
