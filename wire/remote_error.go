package wire

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
)

// A RemoteError is an error, or a panic, of code that ran in another process. Its fields are what arrived and must
// not be changed; its methods are safe for concurrent use.
type RemoteError struct {
	// Code is the first of Codes, or "".
	Code string
	// Codes name the registered errors that the error was, there; see [RegisterError].
	Codes []string
	// Message is the error's text.
	Message string
	// Stack is the remote stack, where there was one: of a panic, or what %+v of the error adds to its text.
	Stack string
	// Panic says that the code panicked instead of returning.
	Panic bool
}

// Error returns the message alone. Use %+v for the stack.
func (e *RemoteError) Error() string { return e.Message }

// Is reports whether target is the error that is registered here under one of e's codes, or one that it wraps.
func (e *RemoteError) Is(target error) bool {
	return slices.ContainsFunc(e.Codes, func(code string) bool {
		sentinel := sentinelFor(code)
		return sentinel != nil && errors.Is(sentinel, target)
	})
}

// Format writes the message, and for %+v the remote stack under it.
func (e *RemoteError) Format(s fmt.State, verb rune) {
	switch {
	case verb == 'v' && s.Flag('+') && e.Stack != "":
		_, _ = fmt.Fprintf(s, "%s\n\nremote stack:\n%s", e.Message, strings.TrimRight(e.Stack, "\n"))
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", e.Message)
	default:
		_, _ = io.WriteString(s, e.Message)
	}
}

// A PanicError is a recovered panic. Tasks and methods end in one instead of taking their process along.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // the stack of the goroutine that panicked
}

// NewPanicError returns the error for a value that recover returned. It is to be called by the deferred function
// itself, where the stack still shows the panic.
func NewPanicError(recovered any) *PanicError {
	return &PanicError{Value: recovered, Stack: debug.Stack()}
}

// Error returns "panic: " and the value, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Limits of what an error may carry, in bytes. An error should not fail to arrive for its size.
const (
	maxErrorMessage = 64 << 10
	maxErrorStack   = 256 << 10
	maxErrorCodes   = 64
)

// AppendError appends the encoding of err to dst, for DecodeError there, and returns the extended slice. What travels
// is its text (the first 64 KiB), the codes of the registered errors that it is, and a stack (the first 256 KiB): of
// a [PanicError] or [RemoteError] in its chain, or what %+v adds to its text. It calls err's methods and survives
// their panics. err must not be nil. It is safe for concurrent use.
func AppendError(dst []byte, err error) []byte {
	tuple := describe(err)
	tuple.Message = truncate(tuple.Message, maxErrorMessage)
	tuple.Stack = truncate(tuple.Stack, maxErrorStack)
	tuple.Codes = tuple.Codes[:min(len(tuple.Codes), maxErrorCodes)]
	dst, _ = tuple.MarshalMsg(dst) // strings always encode
	return dst
}

// describe takes err apart. A panic in err's own methods replaces its description.
func describe(err error) (tuple errorTuple) {
	defer func() {
		if r := recover(); r != nil {
			p := NewPanicError(fmt.Sprintf("in a method of an error of type %T: %v", err, r))
			tuple = errorTuple{Message: p.Error(), Stack: string(p.Stack), Panic: true}
		}
	}()
	tuple = errorTuple{Message: err.Error(), Codes: codesOf(err)}
	tuple.Stack, tuple.Panic = stackOf(err, tuple.Message)
	return tuple
}

func stackOf(err error, message string) (stack string, panicked bool) {
	var (
		recovered *PanicError
		remote    *RemoteError
		formatter fmt.Formatter
	)
	switch {
	case errors.As(err, &recovered):
		return string(recovered.Stack), true
	case errors.As(err, &remote):
		return remote.Stack, remote.Panic
	case errors.As(err, &formatter):
		verbose := fmt.Sprintf("%+v", formatter)
		if rest, ok := strings.CutPrefix(verbose, message); ok {
			return strings.TrimLeft(rest, "\n"), false
		}
		return verbose, false
	}
	return "", false
}

func truncate(s string, limit int) string {
	const mark = " … (cut off)"
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-len(mark)], "") + mark
}

// DecodeError decodes what AppendError has made. It keeps no part of src and is safe for concurrent use. The error
// wraps ErrMalformed or ErrTooDeep.
func DecodeError(src []byte) (*RemoteError, error) {
	rest, err := skipValue(src)
	if err == nil && len(rest) != 0 {
		err = malformed("bytes after it")
	}
	var tuple errorTuple
	if err == nil {
		if _, err = tuple.UnmarshalMsg(src); err != nil {
			err = fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("wire: decode an error: %w", err)
	}
	e := &RemoteError{Codes: tuple.Codes, Message: tuple.Message, Stack: tuple.Stack, Panic: tuple.Panic}
	if len(e.Codes) != 0 {
		e.Code = e.Codes[0]
	}
	return e, nil
}
