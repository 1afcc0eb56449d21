package finalize

import (
	"context"
	"os"
	"syscall"
	"time"
)

const (
	PriorityPool    = 15
	PriorityManager = 0
	PriorityProcess = -10
	PriorityFiles   = -100
)

type Registry struct{}

func (r *Registry) Register(priority int, fn func(context.Context) error) *Finalizer {
	panic("not yet")
}
func (r *Registry) Run(ctx context.Context) error { panic("not yet") }

type Finalizer struct{}

func Register(priority int, fn func(context.Context) error) *Finalizer { panic("not yet") }
func Run(ctx context.Context) error                                    { panic("not yet") }
func (f *Finalizer) Call(ctx context.Context) error                    { panic("not yet") }
func (f *Finalizer) Cancel() bool                                      { panic("not yet") }
func (f *Finalizer) Active() bool                                      { panic("not yet") }

type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { panic("not yet") }

func AfterFork(name string, fn func(context.Context) error) { panic("not yet") }
func RunAfterFork(ctx context.Context) error                { panic("not yet") }

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

type Target interface {
	Signal(os.Signal) error
	Done() <-chan struct{}
}

type Reaper struct{}

func Reap(p *os.Process) *Reaper                  { panic("not yet") }
func (r *Reaper) Signal(sig os.Signal) error      { panic("not yet") }
func (r *Reaper) Done() <-chan struct{}           { panic("not yet") }
func (r *Reaper) Wait() (*os.ProcessState, error) { panic("not yet") }

type Rung int

const (
	None Rung = iota
	Ask
	Interrupt
	Terminate
	Kill
)

func (r Rung) String() string { panic("not yet") }

type Ladder struct {
	Ask            func(context.Context) error
	AskGrace       time.Duration
	InterruptGrace time.Duration
	TerminateGrace time.Duration
	KillGrace      time.Duration
}

type Report struct {
	Rung Rung
	Took time.Duration
	Err  error
}

func DefaultLadder() Ladder                                        { panic("not yet") }
func (l Ladder) Run(ctx context.Context, t Target) (Report, error) { panic("not yet") }
