package sync

import (
	"fmt"

	"github.com/multiproc-go/multiproc/sync/internal/state"
	"github.com/multiproc-go/multiproc/wire"
)

// Errors of the shared types. Besides these, every call may return what package manager's calls do: above all
// manager.ErrManagerLost, when the manager or the connection to it is gone, and the context's error.
var (
	// ErrNotHeld is wrapped when something is released, waited with or notified by who does not hold it: it was
	// released before, or is held by another process or owner.
	ErrNotHeld = state.ErrNotHeld
	// ErrOverReleased is wrapped when a BoundedSemaphore would get more units than it began with.
	ErrOverReleased = state.ErrOverReleased
	// ErrBroken is wrapped when a Barrier is broken: aborted, reset, or a party has died, given up or failed.
	ErrBroken = state.ErrBroken
	// ErrClosed is wrapped when an item is put into a queue that was closed, or got from one that is closed and has none.
	ErrClosed = state.ErrClosed
	// ErrTooManyDone is wrapped when more items of a JoinableQueue are said to be done than were handed out.
	ErrTooManyDone = state.ErrTooManyDone
	// ErrOutOfRange is wrapped when there is nothing at an index.
	ErrOutOfRange = state.ErrOutOfRange
	// ErrNotFound is wrapped when a value, key or attribute that is asked for is not there.
	ErrNotFound = state.ErrNotFound
	// ErrNotNumber is wrapped when a number is to be added to what is none, or is of another type.
	ErrNotNumber = state.ErrNotNumber
)

func init() {
	wire.RegisterError("sync.not_held", ErrNotHeld)
	wire.RegisterError("sync.over_released", ErrOverReleased)
	wire.RegisterError("sync.broken", ErrBroken)
	wire.RegisterError("sync.closed", ErrClosed)
	wire.RegisterError("sync.too_many_done", ErrTooManyDone)
	wire.RegisterError("sync.out_of_range", ErrOutOfRange)
	wire.RegisterError("sync.not_found", ErrNotFound)
	wire.RegisterError("sync.not_number", ErrNotNumber)
	wire.RegisterError("sync.changed", state.ErrChanged)
}

// notMade puts into an error which constructor it is of.
func notMade(typeName string, err error) error { return fmt.Errorf("mpsync: New%s: %w", typeName, err) }

// failed puts into an error what was being done, to what.
func failed(what, method string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mpsync: %s.%s: %w", what, method, err)
}
