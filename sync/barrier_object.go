package sync

import (
	"fmt"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// barrierObject is a Barrier in the manager.
type barrierObject struct {
	mu      stdsync.Mutex // guards barrier
	barrier *state.Barrier
}

func init() {
	barrierTable.register(typeBarrier, func(r *reader, _ *manager.Host) (manager.Object, error) {
		parties := r.int()
		if parties < 1 {
			return nil, fmt.Errorf("a barrier for %d parties", parties)
		}
		return &barrierObject{barrier: state.NewBarrier(parties)}, r.err()
	}, "Wait")
}

var barrierTable = methods[*barrierObject]{
	"Wait":       (*barrierObject).wait,
	"Proceed":    (*barrierObject).proceed,
	"AbortRound": (*barrierObject).abortRound,
	"Abort":      func(o *barrierObject, c *manager.Request, r *reader) { o.change(c, r, (*state.Barrier).Abort) },
	"Reset":      func(o *barrierObject, c *manager.Request, r *reader) { o.change(c, r, (*state.Barrier).Reset) },
	"Look":       (*barrierObject).look,
}

// Call implements manager.Object.
func (o *barrierObject) Call(c *manager.Request) { barrierTable.call(o, c) }

// SessionEnded implements manager.SessionWatcher.
func (o *barrierObject) SessionEnded(s *manager.Session) {
	o.operate(func(b *state.Barrier) { b.EndSession(s) })
}

// Inspect implements manager.Inspector.
func (o *barrierObject) Inspect() manager.Inspection {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiters := sessionsOf(o.barrier.Waiters())
	i := manager.Inspection{
		Summary: fmt.Sprintf("%d of %d waiting", len(waiters), o.barrier.Parties()),
		Waiters: waiters,
	}
	if o.barrier.Broken() {
		i.Summary = "broken"
	}
	return i
}

// operate does something to the barrier, and answers whom that concerns.
func (o *barrierObject) operate(do func(b *state.Barrier)) {
	o.mu.Lock()
	do(o.barrier)
	answered := o.barrier.Answered()
	o.mu.Unlock()
	for _, w := range answered {
		answer(w.Call.(*manager.Request), message(nil).int(w.Index).bool(w.Act).uint(w.Round), w.Err)
	}
}

func (o *barrierObject) wait(c *manager.Request, r *reader) {
	w := &state.BarrierWait{Session: c.Session, Call: c, Acts: r.bool()}
	if err := r.err(); err != nil {
		c.Fail(err)
		return
	}
	o.operate(func(b *state.Barrier) { b.Wait(w) })
	c.OnCancel(func() { o.operate(func(b *state.Barrier) { b.Cancel(w) }) })
}

func (o *barrierObject) proceed(c *manager.Request, r *reader) {
	round := r.uint()
	err := r.err()
	if err == nil {
		o.operate(func(b *state.Barrier) { err = b.Proceed(c.Session, round) })
	}
	answer(c, nothing, err)
}

func (o *barrierObject) abortRound(c *manager.Request, r *reader) {
	round := r.uint()
	o.change(c, r, func(b *state.Barrier) { b.AbortRound(c.Session, round) })
}

func (o *barrierObject) change(c *manager.Request, r *reader, how func(*state.Barrier)) {
	err := r.err()
	if err == nil {
		o.operate(how)
	}
	answer(c, nothing, err)
}

func (o *barrierObject) look(c *manager.Request, r *reader) {
	o.mu.Lock()
	b := o.barrier
	result := message(nil).int(b.Parties()).int(b.Waiting()).bool(b.Broken())
	o.mu.Unlock()
	answer(c, result, r.err())
}
