package finalize

import (
	"context"
	"syscall"
)

const MarkVariable = "MULTIPROC_TREE"

func NewMark(parent string) string { panic("not yet") }
func OwnMark() string              { panic("not yet") }

type Identity struct {
	PID   int
	Start uint64
}

func Identify(pid int) (Identity, error)            { panic("not yet") }
func (id Identity) Alive() bool                     { panic("not yet") }
func (id Identity) Signal(sig syscall.Signal) error { panic("not yet") }

type Tree struct {
	Roots   []Identity
	Marks   []string
	Groups  []int
	Exclude []int
}

func (t Tree) Members() ([]Identity, error)                 { panic("not yet") }
func (t Tree) Signal(sig syscall.Signal) (n int, err error) { panic("not yet") }
func (t Tree) Kill(ctx context.Context) (killed int, err error) {
	panic("not yet")
}

type SurvivorsError struct {
	Survivors []Identity
	Err       error
}

func (e *SurvivorsError) Error() string { panic("not yet") }
func (e *SurvivorsError) Unwrap() error { return e.Err }
