package wire

import (
	"context"
	"errors"
	"fmt"
)

// A ReplyKind says what a reply's payload is.
type ReplyKind uint8

const (
	// Return is the encoded result of a method.
	Return ReplyKind = iota
	// Proxy is a result that stayed with the server as a shared object: its encoded Token.
	Proxy
	// Error is an error that a method returned, as AppendError encodes it.
	Error
	// Traceback is a fault of the server or a panic of the method, as AppendError encodes it.
	Traceback
	// Unserializable is a result that could not be encoded: the error, as AppendError encodes it.
	Unserializable

	unknownKind // of a reply that says none of these
)

// String returns the kind's name in messages, which is CPython's: #RETURN for a Return.
func (k ReplyKind) String() string {
	switch k {
	case Return:
		return "#RETURN"
	case Proxy:
		return "#PROXY"
	case Error:
		return "#ERROR"
	case Traceback:
		return "#TRACEBACK"
	case Unserializable:
		return "#UNSERIALIZABLE"
	}
	return fmt.Sprintf("wire.ReplyKind(%d)", uint8(k))
}

// replyKind returns the kind with a name, or unknownKind.
func replyKind(name string) ReplyKind {
	switch name {
	case "#RETURN":
		return Return
	case "#PROXY":
		return Proxy
	case "#ERROR":
		return Error
	case "#TRACEBACK":
		return Traceback
	case "#UNSERIALIZABLE":
		return Unserializable
	}
	return unknownKind
}

// A Reply is the answer to a call. Payload belongs to whoever received it.
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

// failure returns the error that a reply of another kind than Return and Proxy stands for. ctx is the call's.
func (r Reply) failure(ctx context.Context, method string) error {
	remote, err := DecodeError(r.Payload)
	if err != nil {
		return fmt.Errorf("wire: call %s: %w: %w", method, ErrProtocol, err)
	}
	if ctx.Err() != nil && errors.Is(remote, context.Canceled) {
		return fmt.Errorf("wire: call %s: %w", method, context.Cause(ctx))
	}
	return remote
}
