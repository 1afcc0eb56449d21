package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
)

// Defaults of MainOptions.
const (
	DefaultMainGrace       = 10 * time.Second
	DefaultFinalizeTimeout = 5 * time.Second
)

// MainOptions say how a program ends. A nil *MainOptions, and the zero value of each field, is the default.
type MainOptions struct {
	// Grace is the time from the first signal until run's context ends. 0 means DefaultMainGrace; negative means that
	// only a second signal ends it.
	Grace time.Duration

	// FinalizeTimeout bounds all finalizers together. 0 means DefaultFinalizeTimeout.
	FinalizeTimeout time.Duration
}

// Main is MainWith with default options.
func Main(run func(context.Context) error) { MainWith(nil, run) }

// MainWith is the first line of a program's main, and never returns. In a child process it runs the child's role; run is
// called in the program's first process alone, on the main goroutine.
//
// The first SIGINT, SIGTERM or SIGHUP closes the channel that Draining returns for run's context; the context ends
// o.Grace later, or at a second signal, with a *SignalError as its cause. At a third signal run is waited for no longer.
// (A SIGHUP that was ignored when the program started, as under nohup, stays ignored; a SIGINT does not, since shells
// start background jobs that way. Equal signals sent in the same moment may arrive as one.) When run has returned, the
// finalizers run, which ends the processes that are left, and the program exits:
//
//   - with status 0 after nil;
//   - after a signal, with 128 plus its number and no message, where the error is a context.Canceled or a *SignalError;
//   - with the error's own status where it, or one that it wraps, has a method ExitCode() int that returns 0 to 255,
//     after its message, unless that is empty, was written to stderr;
//   - with status 1 otherwise, after its message was written to stderr.
//
// A panic in run is not recovered: the program crashes, and its children end as they do when their parent is killed.
func MainWith(o *MainOptions, run func(context.Context) error) {
	if inherited != nil {
		runChild(inherited)
	}
	initialised.Store(true)
	if o == nil {
		o = &MainOptions{}
	}
	m := newProgram(o)
	ctx := m.watchSignals()
	m.exit(run(ctx))
}

// Init is for programs whose main is to stay as it is; it is called in main's first line. In a child process it runs the
// child's role and exits. In the program's first process it returns at once, and processes can be started from then on;
// signals and the exit status remain the program's own affair, and it should call finalize.Run before it exits. Where it
// does not, its children notice that it is gone and end within their grace period.
func Init() {
	if inherited != nil {
		runChild(inherited)
	}
	initialised.Store(true)
}

// TestMain is the body of a TestMain, and never returns. In a child process it runs the child's role. In the test's own
// process it runs m, then the finalizers, and exits with the status that m.Run returned, or 1 if a finalizer failed.
// Signals keep their default effect: the children of a test process that died end by themselves.
func TestMain(m interface{ Run() int }) {
	Init()
	code := m.Run()
	if err := runFinalizers(DefaultFinalizeTimeout); err != nil {
		complain(err.Error())
		code = max(code, 1)
	}
	os.Exit(code)
}

// program is the life of a program's first process.
type program struct {
	grace, finalizeTimeout time.Duration
	draining               chan struct{}
	first                  chan syscall.Signal // has the first signal, once there was one
	exiting                sync.Once
}

func newProgram(o *MainOptions) *program {
	m := &program{
		grace:           o.Grace,
		finalizeTimeout: o.FinalizeTimeout,
		draining:        make(chan struct{}),
		first:           make(chan syscall.Signal, 1),
	}
	if m.grace == 0 {
		m.grace = DefaultMainGrace
	}
	if m.finalizeTimeout <= 0 {
		m.finalizeTimeout = DefaultFinalizeTimeout
	}
	return m
}

// watchSignals returns the context that run gets. The goroutine ends with the process, since signals matter until then.
func (m *program) watchSignals() context.Context {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, endingSignals()...)
	ctx, cancel := context.WithCancelCause(withDraining(context.Background(), m.draining))
	go m.obey(signals, cancel)
	return ctx
}

func (m *program) obey(signals <-chan os.Signal, cancel context.CancelCauseFunc) {
	received := (<-signals).(syscall.Signal)
	m.first <- received
	close(m.draining)
	var grace <-chan time.Time // never ready, if there is no limit
	if m.grace > 0 {
		grace = time.After(m.grace)
	}
	select {
	case <-grace:
	case <-signals:
	}
	cause := &SignalError{Signal: received}
	cancel(cause)
	<-signals
	m.exit(cause)
}

// exit runs the finalizers and ends the process. A second caller waits for that.
func (m *program) exit(err error) {
	m.exiting.Do(func() { m.exitOnce(err) })
}

func (m *program) exitOnce(err error) {
	var signalled error
	select {
	case received := <-m.first:
		signalled = &SignalError{Signal: received}
	default:
	}
	if signalled != nil && errors.Is(err, context.Canceled) {
		err = signalled
	}
	code, message := exitStatus(err)
	if message != "" {
		complain(message)
	}
	if err := runFinalizers(m.finalizeTimeout); err != nil {
		complain(err.Error())
		code = max(code, 1)
	}
	os.Exit(code)
}

func runFinalizers(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return finalize.Run(ctx)
}

func complain(message string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", filepath.Base(os.Args[0]), message)
}
