package pool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

func init() {
	manager.RegisterType(manager.Type{
		Name: hostedType, New: newHostedPool,
		Methods: []string{methodAttach, methodStats, methodShutdown, methodTerminate, methodResize},
	})
	manager.RegisterType(manager.Type{
		Name: attachmentType, ByMethodsOnly: true,
		Methods: []string{methodSettings, methodSubmit, methodTake, methodTaken, methodCancel, methodBegin, methodEnd, methodShare,
			methodFeed, methodEndFeed},
	})
	wire.RegisterError("multiproc/pool.ErrClosed", ErrClosed)
	wire.RegisterError("multiproc/pool.ErrPoolBroken", ErrPoolBroken)
	wire.RegisterError("multiproc/pool.ErrTaskTimeout", ErrTaskTimeout)
	wire.RegisterError("multiproc/pool.ErrMemoryLimit", ErrMemoryLimit)
	wire.RegisterError("multiproc/pool.ErrOtherBuild", ErrOtherBuild)
	wire.RegisterError("multiproc/pool.ErrCutShort", ErrCutShort)
}

// hostedPool is a pool as an object in a manager. Clients use it through attachments, one for each handle. Hosted is
// the other end.
type hostedPool struct {
	host    *manager.Host
	options *Options
	started chan struct{} // closed when pool or failure is set
	gone    chan struct{} // closed when nobody refers to the object
	ended   chan struct{} // closed when no process of the pool is left
	pool    *Pool
	failure error // why there is no pool
}

func newHostedPool(argument []byte, host *manager.Host) (manager.Object, error) {
	o, err := readHostedOptions(argument)
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	o.MaxPayload = min(o.MaxPayload, largestPayload(host.MaxMessage())) // results must fit in the manager's messages
	h := &hostedPool{
		host: host, options: o,
		started: make(chan struct{}), gone: make(chan struct{}), ended: make(chan struct{}),
	}
	host.Go(h.live)
	return h, nil
}

// live has the pool run until the manager ends or nobody refers to the object.
func (h *hostedPool) live(ctx context.Context) {
	defer close(h.ended)
	starting, stop := context.WithCancel(ctx)
	defer stop()
	var watch stdsync.WaitGroup
	watch.Go(func() {
		select {
		case <-h.gone:
			stop()
		case <-starting.Done():
		}
	})
	h.pool, h.failure = New(starting, h.options)
	close(h.started)
	<-starting.Done()
	watch.Wait()
	if h.pool != nil {
		_ = h.pool.Close() // it always returns nil
	}
}

// Destroyed ends the pool: nobody refers to it any more.
func (h *hostedPool) Destroyed() { close(h.gone) }

// Call carries out a method.
func (h *hostedPool) Call(c *manager.Request) {
	switch c.Method {
	case methodAttach:
		h.attach(c)
	case methodStats:
		answerLater(h.host, c, func(ctx context.Context) ([]byte, error) {
			if err := h.awaitStart(ctx); err != nil {
				return nil, err
			}
			return wire.AppendValue(nil, h.pool.Stats())
		})
	case methodResize:
		answerLater(h.host, c, func(ctx context.Context) ([]byte, error) { return h.resize(ctx, c.Argument) })
	case methodShutdown:
		h.end(c, h.drain)
	case methodTerminate:
		h.end(c, func(context.Context) { _ = h.pool.Close() })
	}
}

// answerLater has a method carried out that may block. It is to return soon after its context has ended, and what it
// returns then counts.
func answerLater(host *manager.Host, c *manager.Request, do func(context.Context) ([]byte, error)) {
	c.OnCancel(func() {})
	host.Go(func(context.Context) {
		value, err := do(c.Context())
		if err != nil {
			c.Fail(err)
			return
		}
		c.Return(value)
	})
}

func (h *hostedPool) awaitStart(ctx context.Context) error {
	select {
	case <-h.started:
		return h.failure
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attach makes an attachment for a client that runs the same binary.
func (h *hostedPool) attach(c *manager.Request) {
	c.OnCancel(func() {})
	h.host.Go(func(context.Context) {
		id, err := buildID()
		if err == nil && !bytes.Equal(id, c.Argument) {
			err = ErrOtherBuild
		}
		if err == nil {
			err = h.awaitStart(c.Context())
		}
		if err != nil {
			c.Fail(err)
			return
		}
		c.ReturnObject(attachmentType, func(host *manager.Host) (manager.Object, error) {
			return newAttachment(h.pool, host, h.host), nil
		})
	})
}

// end ends the pool with one of its methods, which goes on when the caller does not wait for it.
func (h *hostedPool) end(c *manager.Request, how func(context.Context)) {
	c.OnCancel(func() {})
	over := make(chan struct{})
	h.host.Go(func(ctx context.Context) {
		defer close(over)
		if h.awaitStart(ctx) == nil {
			how(ctx)
		}
	})
	h.host.Go(func(context.Context) {
		select {
		case <-over:
			c.Return(nil)
		case <-c.Context().Done():
			c.Fail(context.Canceled)
		}
	})
}

// drain runs what was submitted, unless the manager ends before.
func (h *hostedPool) drain(ctx context.Context) { _ = h.pool.Shutdown(ctx) }

// String says what the pool does, for Proxy.Describe.
func (h *hostedPool) String() string {
	select {
	case <-h.started:
	default:
		return "a pool that starts"
	}
	if h.failure != nil {
		return "a pool that did not start: " + h.failure.Error()
	}
	s := h.pool.Stats()
	return fmt.Sprintf("a pool of %d workers: %d tasks pending, %d done", len(s.Workers), s.Pending, s.Done)
}

// errUnknownFunction: a client named a function that is not registered here, though the binary is the same.
var errUnknownFunction = errors.New("pool: the manager does not know the function: Register must not depend on the environment, flags or files")
