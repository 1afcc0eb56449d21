package pool

import (
	"context"
	"slices"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
)

// A valve bounds what a manager holds of results that nobody takes, for a client or a shared iterator: while it is shut the
// tasks that no worker has are kept out of the pool's queue, where they would be in the way of others' as well.
type valve struct {
	pool  *Pool
	host  *manager.Host
	owns  func(*job) bool // is called with the pool's lock held
	limit int64

	onOpen func() // is called when it has opened; may be nil

	mu     stdsync.Mutex // guards the fields below; taken before the pool's
	held   int64         // encoded bytes of results that were not taken
	opened chan struct{} // closed when the valve opens; nil while it is open
	kept   []task        // while it is shut
	ended  bool
}

func newValve(p *Pool, host *manager.Host, owns func(*job) bool) *valve {
	return &valve{pool: p, host: host, owns: owns, limit: p.options.ResultBytes}
}

// add counts a result, and shuts the valve if that is too much. It does not block.
func (v *valve) add(size int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.held += int64(size)
	if v.held <= v.limit || v.opened != nil || v.ended {
		return
	}
	v.opened = make(chan struct{})
	v.kept = v.pool.suspend(v.owns)
	v.host.Go(v.hold(v.opened))
}

// hold gives the tasks back when the valve opens, at the latest at the pool's end, which settles them.
func (v *valve) hold(opened <-chan struct{}) func(context.Context) {
	return func(ctx context.Context) {
		select {
		case <-opened:
		case <-v.pool.lifetime.Done():
		case <-ctx.Done():
		}
		v.mu.Lock()
		kept := v.kept
		v.kept, v.opened = nil, nil
		v.mu.Unlock()
		v.pool.requeue(kept)
		if v.onOpen != nil {
			v.onOpen()
		}
	}
}

func (v *valve) isOpen() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.opened == nil
}

// took uncounts results.
func (v *valve) took(size int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.held -= int64(size)
	if v.held <= v.limit/2 {
		v.openLocked()
	}
}

// end opens the valve for good: nobody wants results any more.
func (v *valve) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ended = true
	v.openLocked()
}

func (v *valve) openLocked() {
	if v.opened == nil {
		return
	}
	select {
	case <-v.opened:
	default:
		close(v.opened)
	}
}

// await blocks until the valve is open or ctx ends.
func (v *valve) await(ctx context.Context) error {
	for {
		v.mu.Lock()
		opened := v.opened
		v.mu.Unlock()
		if opened == nil {
			return nil
		}
		select {
		case <-opened:
			return nil
		case <-v.pool.lifetime.Done():
			return nil // the pool says what it thinks of it
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// entered is told of tasks that have come into the queue, which may have been on their way when the valve was shut.
func (v *valve) entered() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.opened != nil && !v.ended {
		v.kept = append(v.kept, v.pool.suspend(v.owns)...)
	}
}

// cancelled lets go of the tasks of jobs that were cancelled, which thereby end.
func (v *valve) cancelled() {
	v.mu.Lock()
	var ended []task
	v.kept = slices.DeleteFunc(v.kept, func(t task) bool {
		if t.job.cause() == nil {
			return false
		}
		ended = append(ended, t)
		return true
	})
	v.mu.Unlock()
	v.pool.requeue(ended)
}
