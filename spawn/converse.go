package spawn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// Parent and child have a few words with each other after the hello, over the pipes that the child was started over: the
// parent orders, and the child knocks. That is for what is short and rare, and saves a role a connection of its own.

const (
	// leastPatience is how long a child has at least to take an order, where its grace is shorter.
	leastPatience = time.Second

	// secondPatience is how long it has when it has not taken the one before.
	secondPatience = 10 * time.Millisecond
)

// errMute is returned where the child's role has not set Child.Orders.
var errMute = errors.New("spawn: the child's role takes no orders")

// Order sends a short message to the child's role, which has it in Child.Orders. It blocks no longer than a write to an
// almost empty pipe does, as it is meant for a few messages at a time; when thousands wait in vain for the child to take
// them, it blocks for the grace period (see Options.Grace), or a second if that is more, and then fails with an error that wraps
// os.ErrDeadlineExceeded. So do later ones, which block for a moment each, one after another, until the child, which may have been stopped, takes
// orders again; those after one of more than 512 bytes of which a part had found room all fail. It is safe for concurrent use.
// It returns os.ErrProcessDone once the child is gone, and an error where the role takes no orders.
func (p *Process) Order(message []byte) error {
	if p.knocks.Load() == nil {
		return errMute
	}
	return p.tell(&order{Kind: orderRole, Message: message})
}

func (p *Process) tell(o *order) error {
	p.telling.Lock()
	defer p.telling.Unlock()
	select {
	case <-p.started:
		patience := max(p.grace, leastPatience)
		if p.heedless {
			patience = secondPatience
		}
		_ = p.lifeline.NetConn().SetWriteDeadline(time.Now().Add(patience)) // fails once the child has exited
	default: // the deadline is that of its start
	}
	err := send(p.lifeline, o)
	p.heedless = errors.Is(err, os.ErrDeadlineExceeded)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return os.ErrProcessDone
	}
	return err
}

// AwaitKnock blocks until the child has called Child.Knock once more. It returns io.EOF when it is gone, an error that
// wraps wire.ErrFrameTooLarge or wire.ErrBadFrame where it has written anything else, and an error where its role takes no
// orders. One goroutine at a time may call it.
func (p *Process) AwaitKnock() error {
	conn := p.knocks.Load()
	if conn == nil {
		return errMute
	}
	frame, err := conn.ReadFrame(nil)
	switch {
	case errors.Is(err, os.ErrClosed):
		return io.EOF
	case len(frame) > 0:
		return fmt.Errorf("spawn: a knock is empty: %w", wire.ErrFrameTooLarge)
	}
	return err
}

// keepKnocks keeps the pipe of a child that may knock, until that has exited.
func (p *Process) keepKnocks(conn *wire.Conn) {
	conn.SetMaxFrame(1) // 0 would be the default
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
	c.greeting.Lock()
	conn := c.knocks
	c.greeting.Unlock()
	if conn == nil {
		return errMute
	}
	return conn.WriteFrame()
}
