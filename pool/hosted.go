package pool

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// Hosted is a pool that lives in a manager, and that any number of processes use at once: a Function's calls take it
// in place of a *Pool. Its workers are children of the manager's process.
//
// Tasks belong to the handle by which they were submitted. When its process dies, or the handle is closed, those that
// have not ended are cancelled, and nobody else's. The pool ends with its last handle, with the manager, or by Shutdown
// or Terminate.
//
// All processes that use a hosted pool must run the same binary as the manager, because a function's name means the same
// code only there: others get ErrOtherBuild.
//
// A *Hosted is safe for concurrent use. Copies of a Hosted are one handle. It may be part of any value that goes to
// another process, a task's argument for one: what is decoded there is a handle of its own.
type Hosted struct {
	hosting *hosting
}

// NewHosted makes a pool in a manager and returns when its first worker is ready. Both options may be nil. With a name in
// object it is the pool of that name, if there is one with the same options already. The context bounds the start alone.
// The caller closes the Hosted. Errors: those of New and of manager.Create; ErrOtherBuild; and before anything is started,
// every fault of o.
//
// The options mean what they mean to New, seen from the manager's process: the workers are its children, defaults that
// follow from the machine or the environment are its own, and what workers write goes where its own output goes. A
// Spawn.Dir or Cgroup that is not absolute is taken to be below this process's working directory. What cannot travel is refused:
// Logger (ask Stats instead) with ForwardLogs, and Spawn's Stdout, Stderr and Cgroup. MaxPayload is never more than a message of the manager can
// hold; ResultBytes also bounds what the manager keeps of results that one client, or all users of one SharedIterator, do
// not take: beyond it their further tasks wait.
func NewHosted(ctx context.Context, m *manager.Manager, o *Options, object *manager.ObjectOptions) (*Hosted, error) {
	argument, err := appendHostedOptions(o)
	if err != nil {
		return nil, err
	}
	p, err := manager.Create(ctx, m, hostedType, argument, object)
	if err != nil {
		return nil, fmt.Errorf("pool: cannot make a pool in the manager: %w", fromHost(err))
	}
	h := &Hosted{newHosting(p)}
	if _, err := h.hosting.attach(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Stats asks what the pool has done and is doing, for all its clients. It blocks until the manager has answered or ctx
// ends. Errors wrap manager.ErrManagerLost, manager.ErrClosed or ctx's cause.
func (h *Hosted) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	reply, err := h.use().invoke(ctx, methodStats)
	if err == nil {
		_, err = wire.DecodeValue(reply, &s)
	}
	return s, err
}

// Shutdown ends the pool for all its clients in good order, as Pool.Shutdown does. When ctx ends first, what is left is
// ended as by Terminate, and the error is the context's cause. It blocks until no process of the pool is left. Results
// can still be taken. It waits for what other clients have announced too, and so for a client that was stopped: give ctx an
// end. It also waits for this process's callbacks, unless ctx ends. Errors that wrap manager.ErrManagerLost or
// manager.ErrClosed leave open what has happened.
func (h *Hosted) Shutdown(ctx context.Context) error {
	_, err := h.use().invoke(ctx, methodShutdown)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(fmt.Errorf("pool: shutdown was cut short: %w", context.Cause(ctx)),
			h.Terminate(context.WithoutCancel(ctx)))
	}
	if late := h.use().awaitCallbacks(ctx); err == nil {
		err = late
	}
	return err
}

// Terminate ends the pool for all its clients at once, as Pool.Close does. It blocks until no process of the pool is
// left, or ctx ends, when it goes on without the caller. Errors: as Stats'.
func (h *Hosted) Terminate(ctx context.Context) error {
	_, err := h.use().invoke(ctx, methodTerminate)
	return err
}

// Close lets go of the handle: tasks submitted by it that have not ended are cancelled, with ErrClosed as their error.
// The pool ends when that was its last handle, and otherwise goes on. Close does not wait for either. It always returns
// nil, and may be called more than once.
func (h *Hosted) Close() error {
	if h != nil && h.hosting != nil {
		h.hosting.close()
	}
	return nil
}

// Clone returns another handle of the same pool, which the caller closes. It does not block. The error wraps
// manager.ErrClosed, for a handle that was closed.
func (h *Hosted) Clone() (*Hosted, error) {
	p, err := h.use().proxy.Clone()
	if err != nil {
		return nil, err
	}
	return &Hosted{newHosting(p)}, nil
}

// Proxy returns the pool's proxy, which goes with the handle: to compare, to describe, to find in manager.Info.
func (h *Hosted) Proxy() *manager.Proxy { return h.use().proxy }

// MarshalMsg appends the pool's token. It is called by encodings.
func (h *Hosted) MarshalMsg(dst []byte) ([]byte, error) { return h.use().proxy.MarshalMsg(dst) }

// UnmarshalMsg makes h a handle of the pool whose token src begins with. It is called by decodings, and blocks as
// manager.Proxy's does. What h was before is closed.
func (h *Hosted) UnmarshalMsg(src []byte) (rest []byte, err error) {
	p := new(manager.Proxy)
	if rest, err = p.UnmarshalMsg(src); err != nil {
		return src, err
	}
	if got := p.Token().Type; got != hostedType {
		return src, errors.Join(fmt.Errorf("pool: %w: a proxy for %s where a hosted pool should be", wire.ErrMalformed, got), p.Close())
	}
	err = h.Close()
	h.hosting = newHosting(p)
	return rest, err
}

// nowhere is what a zero Hosted refers to.
var nowhere = newHosting(new(manager.Proxy))

func (h *Hosted) use() *hosting {
	if h == nil || h.hosting == nil {
		return nowhere
	}
	return h.hosting
}

func (h *Hosted) settings() *Options                             { return h.use().settings() }
func (h *Hosted) admissible(ctx context.Context) error           { return h.use().admissible(ctx) }
func (h *Hosted) begin(ctx context.Context) error                { return h.use().begin(ctx) }
func (h *Hosted) end()                                           { h.use().end() }
func (h *Hosted) submit(ctx context.Context, tasks []task) error { return h.use().submit(ctx, tasks) }
func (h *Hosted) submitOne(ctx context.Context, t task) error    { return h.use().submitOne(ctx, t) }
func (h *Hosted) cancel(j *job, cause error)                     { h.use().cancel(j, cause) }
func (h *Hosted) callback(fn func())                             { h.use().callback(fn) }
func (h *Hosted) readAhead() int                                 { return h.use().readAhead() }

var _ Runner = (*Hosted)(nil)
