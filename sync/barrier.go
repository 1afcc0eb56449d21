package sync

import (
	"context"
	"fmt"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

const typeBarrier = "Barrier"

// A Barrier lets a number of parties go on together, again and again. A party that gives up or dies while it waits
// breaks the barrier: the others get ErrBroken instead of waiting for ever, and so does everybody until a Reset.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on.
type Barrier struct{ manager.Proxy }

// NewBarrier makes a Barrier for so many parties, at least 1, in a manager, or with [Named] finds it. It blocks until the
// manager has answered or ctx ends.
func NewBarrier(ctx context.Context, m *manager.Manager, parties int, options ...Option) (*Barrier, error) {
	if parties < 1 {
		return nil, notMade(typeBarrier, fmt.Errorf("%d parties: there must be 1 or more", parties))
	}
	p, err := create(ctx, m, typeBarrier, message(nil).int(parties), options)
	if err != nil {
		return nil, err
	}
	return &Barrier{*p}, nil
}

// Wait blocks until all parties have called it, and returns how many had arrived before this one, from 0: where one of
// them is to do something, it may be the one that gets 0. If ctx ends before the last one has arrived, the error wraps
// ctx's and the barrier is broken. The error wraps ErrBroken if it was broken before, or is broken or reset meanwhile.
func (b *Barrier) Wait(ctx context.Context) (int, error) {
	index, _, err := b.wait(ctx, false)
	return index, failed(typeBarrier, "Wait", err)
}

// WaitAction is Wait for parties that have something to do before any of them goes on: the last to arrive calls action,
// and the others wait until it has returned. When it returns an error or panics, or its process dies, the barrier is
// broken; the error is returned to the one that called it, and the others get ErrBroken. action may be another function
// in each party; where the last to arrive has called Wait, there is none. (In CPython it belongs to the barrier.) Who gives
// up while action runs breaks the barrier, too: then the one that called it gets ErrBroken.
func (b *Barrier) WaitAction(ctx context.Context, action func() error) (int, error) {
	index, round, err := b.wait(ctx, true)
	if err == nil && round != 0 {
		err = b.act(ctx, round, action)
	}
	return index, failed(typeBarrier, "WaitAction", err)
}

// Abort breaks the barrier. It blocks for the manager's answer alone.
func (b *Barrier) Abort(ctx context.Context) error {
	return failed(typeBarrier, "Abort", tell(ctx, &b.Proxy, "Abort", nil))
}

// Reset makes the barrier as new. Parties that wait get ErrBroken. It blocks for the manager's answer alone.
func (b *Barrier) Reset(ctx context.Context) error {
	return failed(typeBarrier, "Reset", tell(ctx, &b.Proxy, "Reset", nil))
}

// Parties returns how many parties the barrier is for.
func (b *Barrier) Parties(ctx context.Context) (int, error) {
	look, err := b.look(ctx)
	return look.parties, failed(typeBarrier, "Parties", err)
}

// Waiting returns how many parties wait. It may be out of date when it returns.
func (b *Barrier) Waiting(ctx context.Context) (int, error) {
	look, err := b.look(ctx)
	return look.waiting, failed(typeBarrier, "Waiting", err)
}

// Broken reports whether the barrier is broken. It may be out of date when it returns.
func (b *Barrier) Broken(ctx context.Context) (bool, error) {
	look, err := b.look(ctx)
	return look.broken, failed(typeBarrier, "Broken", err)
}

// Clone returns another reference to the same barrier. It does not block.
func (b *Barrier) Clone() (*Barrier, error) {
	p, err := b.Proxy.Clone()
	if err != nil {
		return nil, failed(typeBarrier, "Clone", err)
	}
	return &Barrier{*p}, nil
}

// MarshalMsg and UnmarshalMsg pass the barrier on to other processes, as part of any value.
func (b *Barrier) MarshalMsg(dst []byte) ([]byte, error) { return b.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the barrier over: see MarshalMsg.
func (b *Barrier) UnmarshalMsg(src []byte) ([]byte, error) { return adopt(&b.Proxy, typeBarrier, src) }

// wait returns the index, and the number of the round if this party has to act for it.
func (b *Barrier) wait(ctx context.Context, acts bool) (index int, round uint64, err error) {
	reply, err := b.Invoke(ctx, "Wait", message(nil).bool(acts))
	if err != nil {
		return 0, 0, err
	}
	r := wire.NewReader(reply)
	index = r.Int()
	act, number := r.Bool(), r.Uint()
	if act {
		round = number
	}
	return index, round, r.End()
}

// act does what the last party has to do.
func (b *Barrier) act(ctx context.Context, round uint64, action func() error) error {
	done := false
	defer func() {
		if !done { // it panicked, or called runtime.Goexit
			_ = b.finish(ctx, "AbortRound", round)
		}
	}()
	err := action()
	done = true
	if err != nil {
		_ = b.finish(ctx, "AbortRound", round) // fails only with the session, which breaks the barrier too
		return fmt.Errorf("the action failed, and the barrier is broken: %w", err)
	}
	return b.finish(ctx, "Proceed", round)
}

// finish tells the others what became of the action, even if ctx has ended: they wait for it.
func (b *Barrier) finish(ctx context.Context, method string, round uint64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return tell(ctx, &b.Proxy, method, message(nil).uint(round))
}

type barrierLook struct {
	parties, waiting int
	broken           bool
}

func (b *Barrier) look(ctx context.Context) (barrierLook, error) {
	return ask(ctx, &b.Proxy, "Look", nil, func(r *reader) barrierLook {
		return barrierLook{r.Int(), r.Int(), r.Bool()}
	})
}
