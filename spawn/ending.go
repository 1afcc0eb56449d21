package spawn

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/multiproc-go/multiproc/finalize"
)

// Interrupt sends SIGINT to the child. It does not block. It returns os.ErrProcessDone once the child was reaped.
func (p *Process) Interrupt() error { return p.reaper.signal(syscall.SIGINT) }

// Terminate sends SIGTERM to the child. It does not block. It returns os.ErrProcessDone once the child was reaped.
func (p *Process) Terminate() error { return p.reaper.signal(syscall.SIGTERM) }

// Kill sends SIGKILL to the child; what it had started is swept after its exit. It does not block. It returns
// os.ErrProcessDone once the child was reaped.
func (p *Process) Kill() error { return p.reaper.signal(syscall.SIGKILL) }

// Ask requests the child to stop: its context ends, and it has its grace period to return. Asking again changes nothing.
// Ask blocks no longer than a write to an almost empty pipe does. It returns os.ErrProcessDone once the child is gone.
func (p *Process) Ask() error {
	return p.tell(&order{Kind: orderStop})
}

// Shutdown ends the child with no more force than it takes: it asks, sends SIGTERM when the grace period (see
// Options.Grace) is over, SIGKILL after half as much again, and then kills what is left of the child's tree. It returns
// when all of that is gone, nil even if it took force; where ctx ends first, it kills at once. It returns an error only
// for something that it could not kill. Any number of goroutines may call it, before or after the exit.
func (p *Process) Shutdown(ctx context.Context) error {
	ladder := finalize.Ladder{
		Ask:            func(context.Context) error { return p.Ask() },
		AskGrace:       p.grace,
		InterruptGrace: -1,
		TerminateGrace: p.grace / 2,
		KillGrace:      killGrace,
	}
	p.expectExit()
	_, err := ladder.Run(ctx, ladderTarget{p})
	return errors.Join(err, p.KillTree(context.WithoutCancel(ctx)))
}

// expectExit counts the child among those whose exits are near, until watch has seen that.
func (p *Process) expectExit() {
	if !p.expected.Swap(true) {
		sweeps.expected.Add(1)
	}
}

// ladderTarget is a Process as a ladder sees it.
type ladderTarget struct{ *Process }

func (t ladderTarget) Signal(signal os.Signal) error {
	number, ok := signal.(syscall.Signal)
	if !ok {
		return errors.New("spawn: not a signal of this system: " + signal.String())
	}
	if number == syscall.SIGKILL {
		ctx, cancel := context.WithTimeout(context.Background(), killGrace)
		defer cancel()
		return t.killNow(ctx)
	}
	return t.reaper.signal(number)
}

// SignalTree sends a signal to the child and to everything that it has started. Once the child was reaped and its tree
// swept, it returns os.ErrProcessDone. It blocks for the moment that a look at all processes takes.
func (p *Process) SignalTree(signal syscall.Signal) error {
	select {
	case <-p.swept:
		return os.ErrProcessDone
	default:
	}
	_, err := p.tree().Signal(signal)
	return err
}

// KillTree kills the child and everything that it has started, and returns when all of that is gone: nil, or an error
// that names what was still there when ctx ended. A detached process is spared unless it is still the child of one that
// is killed. Once Swept is closed, KillTree returns nil at once.
func (p *Process) KillTree(ctx context.Context) error {
	if err := p.killNow(ctx); err != nil {
		return err
	}
	select {
	case <-p.swept:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// killNow kills the tree of a child that has not exited. That is done while the child still shows whose parent it is:
// the sweep after the exit finds only what has kept its group or its mark.
func (p *Process) killNow(ctx context.Context) error {
	if p.hasExited() {
		return nil
	}
	_, err := p.tree().Kill(ctx)
	if killErr := p.Kill(); !errors.Is(killErr, os.ErrProcessDone) {
		err = errors.Join(err, killErr)
	}
	return err
}

// tree is what the child and its descendants are known by.
func (p *Process) tree() finalize.Tree {
	tree := finalize.Tree{Marks: []string{p.mark}, Since: p.Identity().Start}
	if p.hasExited() {
		return tree // its pid may be another's, and its group is swept once
	}
	tree.Groups = []int{p.pid}
	if identity := p.Identity(); identity.PID != 0 {
		tree.Roots = []finalize.Identity{identity}
	}
	return tree
}
