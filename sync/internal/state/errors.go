package state

import "errors"

// The errors of the shared types. Package sync exports and documents them.
var (
	ErrNotHeld      = errors.New("not held here")
	ErrOverReleased = errors.New("released more often than acquired")
	ErrBroken       = errors.New("the barrier is broken")
	ErrClosed       = errors.New("the queue is closed")
	ErrTooManyDone  = errors.New("more items done than handed out")
	ErrOutOfRange   = errors.New("index out of range")
	ErrNotFound     = errors.New("not found")
	ErrChanged      = errors.New("changed meanwhile")
	ErrNotNumber    = errors.New("not a number of this type")
)
