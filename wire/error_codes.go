package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// A registeredError is a sentinel and the code that stands for it on the wire.
type registeredError struct {
	code     string
	sentinel error
}

var (
	registerMu sync.Mutex                        // serialises RegisterError
	registered atomic.Pointer[[]registeredError] // replaced whole
)

func init() {
	known := make([]registeredError, 0, 64) // of what packages register, most find room: this runs in every process
	known = append(known, []registeredError{
		{"context.canceled", context.Canceled},
		{"context.deadline_exceeded", context.DeadlineExceeded},
		{"io.eof", io.EOF},
		{"io.unexpected_eof", io.ErrUnexpectedEOF},
		{"fs.not_exist", fs.ErrNotExist},
		{"fs.exist", fs.ErrExist},
		{"fs.permission", fs.ErrPermission},
		{"fs.closed", fs.ErrClosed},
		{"os.deadline_exceeded", os.ErrDeadlineExceeded},
		{"wire.frame_too_large", ErrFrameTooLarge},
		{"wire.too_many_calls", ErrTooManyCalls},
	}...)
	registered.Store(&known)
}

// RegisterError makes errors.Is find err in the errors of other processes: an error for which errors.Is(_, err)
// holds there arrives as a *[RemoteError] for which it holds here. Call it while packages initialise, with the same
// code in every program that shares the error; "package.name" is a good code. It panics when the code or the error
// is registered already, and for an empty code, a nil error, or one that cannot be compared. It is safe for
// concurrent use and does not block.
//
// Registered from the start: context.Canceled and DeadlineExceeded, io.EOF and ErrUnexpectedEOF, fs.ErrNotExist,
// ErrExist, ErrPermission and ErrClosed, os.ErrDeadlineExceeded, ErrFrameTooLarge and
// ErrTooManyCalls.
func RegisterError(code string, err error) {
	if code == "" || err == nil || !reflect.TypeOf(err).Comparable() {
		panic(fmt.Sprintf("wire: RegisterError(%q, %v): it needs a code, and an error that can be compared", code, err))
	}
	registerMu.Lock()
	defer registerMu.Unlock()
	known := *registered.Load()
	for _, r := range known {
		if r.code == code || r.sentinel == err { //nolint:errorlint // one sentinel may wrap another
			panic(fmt.Sprintf("wire: RegisterError(%q, %v): %q is registered already, for %v", code, err, r.code, r.sentinel))
		}
	}
	grown := append(known, registeredError{code, err}) // who reads known never looks beyond its length
	registered.Store(&grown)
}

// sentinelFor returns the error registered under code, or nil.
func sentinelFor(code string) error {
	for _, r := range *registered.Load() {
		if r.code == code {
			return r.sentinel
		}
	}
	return nil
}

// codesOf returns the codes of all registered errors that err is, in the order of their registration, and those that
// it brought from another process.
func codesOf(err error) []string {
	var codes []string
	for _, r := range *registered.Load() {
		if errors.Is(err, r.sentinel) {
			codes = append(codes, r.code)
		}
	}
	var remote *RemoteError
	if errors.As(err, &remote) {
		for _, code := range remote.Codes {
			if !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	return codes
}
