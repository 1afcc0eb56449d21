package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/multiproc-go/multiproc/wire"
)

// roles is filled while packages initialise and only read afterwards.
var roles = struct {
	mu     sync.Mutex // guards bodies
	bodies map[string]func(context.Context, *Child) error
}{bodies: map[string]func(context.Context, *Child) error{}}

// initialised is set by Main, Init and TestMain, when the tables are complete.
var initialised atomic.Bool

// Initialized reports whether Main, Init or TestMain was called, so that processes can be started.
func Initialized() bool { return initialised.Load() }

// MustRegister panics if the program's packages have finished initialising, that is, once Main, Init or TestMain was
// called. Whatever fills a process-wide table by which parent and child have to agree calls it, with the name of the
// function that its user called, for example "pool.Register". It is safe for concurrent use.
func MustRegister(what string) {
	if initialised.Load() {
		panic(what + " was called after spawn.Main (or Init, or TestMain): a child process would never run this line. " +
			"Call it while packages initialise, as the value of a package-level variable")
	}
}

// RegisterRole makes body what a child started with StartRole under this name runs. It is the level that other
// packages of this module stand on; programs register functions with Register.
//
// It must be called while packages initialise and panics afterwards (see MustRegister), and when the name is empty or
// taken.
//
// body runs on the child's main goroutine, with its own thread of the program's start if it locked that. Its context
// ends when the parent is lost, asks the child to stop, or a SIGINT, SIGTERM or SIGHUP arrives; from then on it has
// Options.Grace to return, finalizers included. The child exits when body returns: with status 0 after nil, and
// otherwise as Main does. A panic in body is not recovered; runtime.Goexit is an error.
func RegisterRole(name string, body func(ctx context.Context, c *Child) error) {
	MustRegister("spawn.RegisterRole")
	if name == "" || body == nil {
		panic("spawn.RegisterRole: a role needs a name and a body")
	}
	roles.mu.Lock()
	defer roles.mu.Unlock()
	if _, taken := roles.bodies[name]; taken {
		panic("spawn.RegisterRole: role " + name + " is registered twice")
	}
	roles.bodies[name] = body
}

func roleBody(name string) (func(context.Context, *Child) error, error) {
	roles.mu.Lock()
	defer roles.mu.Unlock()
	body, ok := roles.bodies[name]
	if !ok {
		return nil, fmt.Errorf("spawn: no role %q in this binary: it must be registered while packages initialise, "+
			"in parent and child alike", name)
	}
	return body, nil
}

// Child is a role's view of the process that it runs in.
type Child struct {
	// Argument is what was passed to StartRole. It is the role's to keep and change.
	Argument []byte

	// Files are the files passed to StartRole, in their order. They are close-on-exec, and the role's to close.
	Files []*os.File

	// Orders is called with each message of Process.Order, in turn. It must return soon: the next order, which may be the
	// one to stop, waits for that. A role that sets it does so before its Hello; from then on it may call Knock.
	Orders func(message []byte)

	life *life

	mu   sync.Mutex // guards the field below
	conn *wire.Conn // nil once the child has said hello

	greeting sync.Mutex // guards the field below, and is held while the hello is written
	knocks   *wire.Conn // the same from then on, if Orders was set
}

// ErrHelloTwice is returned by Child.Hello when the parent has had its answer.
var ErrHelloTwice = errors.New("spawn: the child has already said hello")

// Hello tells the parent that the role is ready, and the address that it serves, if any: StartRole returns there, and
// Process.Address has the address. It blocks no longer than a write to an empty pipe does. It is safe for concurrent
// use; every call but the first returns ErrHelloTwice.
//
// A role that returns without having called Hello has failed to start.
func (c *Child) Hello(address string) error {
	return c.answer(&hello{PID: os.Getpid(), Address: address})
}

// refuse tells the parent why the role did not get ready. It does nothing after a Hello.
func (c *Child) refuse(err error) {
	// A parent that cannot be told is one that has gone or given up.
	_ = c.answer(&hello{PID: os.Getpid(), Failed: true, Error: wire.AppendError(nil, err)})
}

// answered reports whether the parent has had its answer.
func (c *Child) answered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn == nil
}

func (c *Child) answer(message *hello) error {
	c.mu.Lock()
	conn := c.conn
	c.conn = nil
	if conn != nil && c.Orders != nil && !message.Failed {
		message.Knocks = true
		c.life.orders.Store(&c.Orders)
	}
	c.mu.Unlock()
	if conn == nil {
		return ErrHelloTwice
	}
	c.greeting.Lock() // an order may come at once, and have the role knock
	defer c.greeting.Unlock()
	err := send(conn, message)
	if err == nil && message.Knocks {
		c.knocks = conn
		return nil
	}
	err = errors.Join(err, conn.Close())
	switch {
	case errors.Is(err, syscall.EPIPE):
		c.life.unheard.Store(true)
		return reportedError{fmt.Errorf("spawn: the parent waits for no answer: %w", err)}
	case err != nil:
		return fmt.Errorf("spawn: answer the parent: %w", err)
	}
	return nil
}
