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
	barrierTable.register(typeBarrier, newBarrierObject)
}

func newBarrierObject(r *reader, _ keeper) (manager.Object, error) {
	parties := r.Int()
	err := r.End()
	if err == nil && parties < 1 {
		err = fmt.Errorf("a barrier for %d parties", parties)
	}
	return &barrierObject{barrier: state.NewBarrier(parties)}, err
}

var barrierTable = methods[*barrierObject]{
	"Wait":       (*barrierObject).wait,
	"Proceed":    (*barrierObject).proceed,
	"AbortRound": (*barrierObject).abortRound,
	"Abort":      func(o *barrierObject, c call, r *reader) { o.change(c, r, (*state.Barrier).Abort) },
	"Reset":      func(o *barrierObject, c call, r *reader) { o.change(c, r, (*state.Barrier).Reset) },
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
		answer(w.Call.(call), message(nil).int(w.Index).bool(w.Act).uint(w.Round), w.Err)
	}
}

func (o *barrierObject) wait(c call, r *reader) {
	w := &state.BarrierWait{Session: c.session, Call: c, Acts: r.Bool()}
	if err := r.End(); err != nil {
		c.Fail(err)
		return
	}
	o.operate(func(b *state.Barrier) { b.Wait(w) })
	c.OnCancel(func() { o.operate(func(b *state.Barrier) { b.Cancel(w) }) })
}

func (o *barrierObject) proceed(c call, r *reader) {
	round := r.Uint()
	err := r.End()
	if err == nil {
		o.operate(func(b *state.Barrier) { err = b.Proceed(c.session, round) })
	}
	answer(c, nothing, err)
}

func (o *barrierObject) abortRound(c call, r *reader) {
	round := r.Uint()
	o.change(c, r, func(b *state.Barrier) { b.AbortRound(c.session, round) })
}

func (o *barrierObject) change(c call, r *reader, how func(*state.Barrier)) {
	err := r.End()
	if err == nil {
		o.operate(how)
	}
	answer(c, nothing, err)
}

func (o *barrierObject) look(c call, r *reader) {
	o.mu.Lock()
	b := o.barrier
	result := message(nil).int(b.Parties()).int(b.Waiting()).bool(b.Broken())
	o.mu.Unlock()
	answer(c, result, r.End())
}
