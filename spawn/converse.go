package spawn

import (
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/multiproc-go/multiproc/wire"
)

// Parent and child have a few words with each other after the hello, over the pipes that the child was started over: the
// parent orders, and the child knocks. That is for what is short and rare, and saves a role a connection of its own.

// maxKnock bounds what a child says after its hello, in bytes: nothing.
const maxKnock = 64

// errMute is returned where the child's role has not set Child.Orders.
var errMute = errors.New("spawn: the child's role takes no orders")

// Order sends a short message to the child's role, which has it in Child.Orders. It blocks no longer than a write to an
// almost empty pipe does, as it is meant for a few messages at a time. It is safe for concurrent use. It returns
// os.ErrProcessDone once the child is gone, and an error where the role takes no orders.
func (p *Process) Order(message []byte) error {
	if p.knocks.Load() == nil {
		return errMute
	}
	return p.tell(&order{Kind: orderRole, Message: message})
}

func (p *Process) tell(o *order) error {
	err := send(p.lifeline, o)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return os.ErrProcessDone
	}
	return err
}

// AwaitKnock blocks until the child has called Child.Knock once more. It returns io.EOF when it is gone, an error that
// wraps wire.ErrFrameTooLarge where it has written anything else, and an error where its role takes no orders. One
// goroutine at a time may call it.
func (p *Process) AwaitKnock() error {
	conn := p.knocks.Load()
	if conn == nil {
		return errMute
	}
	_, err := conn.ReadFrame(nil)
	if errors.Is(err, os.ErrClosed) {
		return io.EOF
	}
	return err
}

// keepKnocks keeps the pipe of a child that may knock, until that has exited.
func (p *Process) keepKnocks(conn *wire.Conn) {
	conn.SetMaxFrame(maxKnock)
	p.knocks.Store(conn)
	if p.hasExited() {
		p.closeKnocks()
	}
}

func (p *Process) closeKnocks() {
	if conn := p.knocks.Load(); conn != nil {
		_ = conn.Close() // nobody writes to it any more
	}
}

// Knock has the parent's AwaitKnock return. It blocks no longer than a write to an almost empty pipe does, if no more knocks
// are on their way than somebody awaits. It is for roles that have set Orders, after their Hello, and safe for concurrent
// use.
func (c *Child) Knock() error {
	c.mu.Lock()
	conn := c.knocks
	c.mu.Unlock()
	if conn == nil {
		return errMute
	}
	return conn.WriteFrame()
}
