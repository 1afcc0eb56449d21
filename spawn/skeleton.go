package spawn

import (
	"context"
	"os"
	"syscall"
	"time"

	"errors"
)

var ErrNotInitialized = errors.New("spawn: not initialised")

type MainOptions struct {
	Grace           time.Duration
	FinalizeTimeout time.Duration
}

func Main(run func(context.Context) error)                     { panic("soon") }
func MainWith(o *MainOptions, run func(context.Context) error) { panic("soon") }
func Init()                                                    { panic("soon") }
func TestMain(m interface{ Run() int })                        { panic("soon") }
func Draining(ctx context.Context) <-chan struct{}             { panic("soon") }

type SignalError struct{ Signal syscall.Signal }

func (e *SignalError) Error() string { return e.Signal.String() }
func (e *SignalError) ExitCode() int { return 128 + int(e.Signal) }

type Entry[A any] struct{}

func Register[A any](fn func(context.Context, A) error) *Entry[A]                    { panic("soon") }
func RegisterNamed[A any](name string, fn func(context.Context, A) error) *Entry[A] { panic("soon") }
func (e *Entry[A]) Start(ctx context.Context, arg A, o *Options) (*Process, error)  { panic("soon") }
func MustRegister(what string)                                                      {}

type Child struct {
	Argument []byte
	Files    []*os.File
}

func (c *Child) Hello(address string) error { panic("soon") }

func RegisterRole(name string, body func(ctx context.Context, c *Child) error) {}
func StartRole(ctx context.Context, role string, argument []byte, files []*os.File, o *Options) (*Process, error) {
	panic("soon")
}

type Process struct{}

func (p *Process) PID() int                            { panic("soon") }
func (p *Process) Name() string                        { panic("soon") }
func (p *Process) Address() string                     { panic("soon") }
func (p *Process) Done() <-chan struct{}               { panic("soon") }
func (p *Process) Swept() <-chan struct{}              { panic("soon") }
func (p *Process) Wait(ctx context.Context) error      { panic("soon") }
func (p *Process) ExitCode() int                       { panic("soon") }
func (p *Process) Signal() syscall.Signal              { panic("soon") }
func (p *Process) Interrupt() error                    { panic("soon") }
func (p *Process) Terminate() error                    { panic("soon") }
func (p *Process) Kill() error                         { panic("soon") }
func (p *Process) Shutdown(ctx context.Context) error  { panic("soon") }
func (p *Process) SignalTree(sig syscall.Signal) error { panic("soon") }
func (p *Process) KillTree(ctx context.Context) error  { panic("soon") }
func (p *Process) CrashOutput() string                 { panic("soon") }
func (p *Process) StderrTail() string                  { panic("soon") }
func (p *Process) Mark() string                        { panic("soon") }

type ExitError struct {
	Name          string
	PID           int
	Code          int
	Signal        syscall.Signal
	Crash, Stderr string
}

func (e *ExitError) Error() string { return e.Name }

type StartError struct {
	ExitError
	Err error
}

type Info struct {
	PID  int
	Name string
}

func ActiveChildren() []*Process { panic("soon") }
func Current() Info              { panic("soon") }
func Parent() (Info, bool)       { panic("soon") }
