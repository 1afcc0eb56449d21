package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
)

var (
	errRegistered = errors.New("registered")
	errWrapping   = fmt.Errorf("wrapping: %w", errRegistered)
)

func init() {
	RegisterError("wire.test", errRegistered)
	RegisterError("wire.test.wrapping", errWrapping)
}

func sendError(t *testing.T, err error) *RemoteError {
	t.Helper()
	encoded := AppendError(nil, err)
	for cut := range encoded {
		if _, err := DecodeError(encoded[:cut]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v", cut, err)
		}
	}
	got, decodeErr := DecodeError(encoded)
	if decodeErr != nil {
		t.Fatal(decodeErr)
	}
	return got
}

func TestSentinelsSurvive(t *testing.T) {
	_, missing := os.Open("/does/not/exist")
	for _, sent := range []error{
		context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, fs.ErrExist, fs.ErrPermission,
		fs.ErrClosed, fs.ErrNotExist, os.ErrDeadlineExceeded, errRegistered,
	} {
		near := sendError(t, fmt.Errorf("task: %w", sent))
		far := sendError(t, fmt.Errorf("relay: %w", near)) // through another process
		if !errors.Is(near, sent) || !errors.Is(far, sent) || far.Error() != "relay: task: "+sent.Error() {
			t.Errorf("%v arrived as %v and %v", sent, near, far)
		}
	}
	if got := sendError(t, missing); !errors.Is(got, fs.ErrNotExist) || got.Code != "fs.not_exist" {
		t.Errorf("%+v", got)
	}
	if got := sendError(t, errors.Join(io.EOF, context.Canceled)); !errors.Is(got, io.EOF) || !errors.Is(got, context.Canceled) {
		t.Errorf("%+v", got)
	}
	if got := sendError(t, errWrapping); !errors.Is(got, errRegistered) || !errors.Is(got, errWrapping) {
		t.Errorf("%+v", got)
	}
	if got := sendError(t, errors.New("plain")); errors.Is(got, io.EOF) || got.Code != "" || got.Stack != "" {
		t.Errorf("%+v", got)
	}
}

func TestAnIntermediaryKeepsCodesAndStack(t *testing.T) {
	far := &RemoteError{Codes: []string{"other.program", "io.eof"}, Message: "far", Stack: "far stack", Panic: true}
	got := sendError(t, fmt.Errorf("near: %w", far))
	if !errors.Is(got, io.EOF) || got.Stack != "far stack" || !got.Panic || len(got.Codes) != 2 {
		t.Errorf("%+v", got)
	}
}

func panicWith(v any) (err error) {
	defer func() { err = NewPanicError(recover()) }()
	panic(v)
}

func TestPanicsCarryTheirStack(t *testing.T) {
	got := sendError(t, panicWith("boom"))
	if got.Error() != "panic: boom" || !got.Panic || !strings.Contains(got.Stack, "panicWith") {
		t.Errorf("%+v", got)
	}
	if verbose := fmt.Sprintf("%+v", got); !strings.Contains(verbose, "panicWith") || strings.Contains(fmt.Sprint(got), "panicWith") {
		t.Error(verbose)
	}
	if got := sendError(t, panicWith(io.EOF)); !errors.Is(got, io.EOF) {
		t.Errorf("%+v", got)
	}
}

type stackedError struct{ error }

func (e stackedError) Format(s fmt.State, verb rune) {
	_, _ = io.WriteString(s, e.Error())
	if s.Flag('+') {
		_, _ = io.WriteString(s, "\nfile.go:1")
	}
}

type hostileError struct{}

func (hostileError) Error() string { panic("in Error") }

func TestStrangeErrors(t *testing.T) {
	if got := sendError(t, stackedError{io.EOF}); got.Stack != "file.go:1" || got.Message != "EOF" {
		t.Errorf("%+v", got)
	}
	if got := sendError(t, hostileError{}); !got.Panic || !strings.Contains(got.Message, "in Error") {
		t.Errorf("%+v", got)
	}
	huge := AppendError(nil, errors.New(strings.Repeat("é", 1<<20)))
	if got, err := DecodeError(huge); err != nil || len(got.Message) > maxErrorMessage || !strings.HasSuffix(got.Message, "(cut off)") {
		t.Errorf("%d bytes, %v", len(huge), err)
	}
}

func TestRegisterErrorRefuses(t *testing.T) {
	for name, register := range map[string]func(){
		"a code twice":   func() { RegisterError("io.eof", errors.New("x")) },
		"an error twice": func() { RegisterError("another", io.EOF) },
		"no code":        func() { RegisterError("", errors.New("x")) },
		"no error":       func() { RegisterError("nil", nil) },
		"uncomparable":   func() { RegisterError("func", uncomparable{}) },
	} {
		if panicOf(register) == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

type uncomparable struct{ _ []int }

func (uncomparable) Error() string { return "" }

func panicOf(fn func()) (value any) {
	defer func() { value = recover() }()
	fn()
	return nil
}
