package state_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// barrierHistory is a random history of a barrier with its model.
type barrierHistory struct {
	*clients
	parties int
	barrier *state.Barrier

	waiting, late []*state.BarrierWait
	actor         *state.BarrierWait
	broken        bool
}

// arrive is the model's Wait: it returns who is answered then, without error.
func (h *barrierHistory) arrive(w *state.BarrierWait) (answered []*state.BarrierWait) {
	if h.actor != nil {
		h.late = append(h.late, w)
		return nil
	}
	h.waiting = append(h.waiting, w)
	if len(h.waiting) < h.parties {
		return nil
	}
	if w.Acts {
		h.actor, h.waiting = w, h.waiting[:h.parties-1]
		return []*state.BarrierWait{w}
	}
	answered, h.waiting = h.waiting, nil
	return answered
}

// expect checks that just these were answered: the first ones without error, the rest because the barrier broke.
func (h *barrierHistory) expect(t *rapid.T, good, broken []*state.BarrierWait) {
	got := h.barrier.Answered()
	fatalUnless(t, len(got) == len(good)+len(broken), "%d were answered, %d should be", len(got), len(good)+len(broken))
	for _, w := range got {
		switch {
		case slices.Contains(good, w):
			fatalUnless(t, w.Err == nil, "answered with %v", w.Err)
			fatalUnless(t, w.Act == (h.actor == w), "Act is %v", w.Act)
		case slices.Contains(broken, w):
			fatalUnless(t, errors.Is(w.Err, state.ErrBroken), "answered with %v", w.Err)
		default:
			t.Fatal("somebody was answered who should wait")
		}
	}
}

func (h *barrierHistory) wait(t *rapid.T) {
	w := &state.BarrierWait{Session: h.draw(t), Acts: rapid.Bool().Draw(t, "acts")}
	h.barrier.Wait(w)
	if h.broken {
		h.expect(t, nil, []*state.BarrierWait{w})
		return
	}
	released := h.arrive(w)
	h.expect(t, released, nil)
	if len(released) == h.parties {
		for i, r := range released {
			fatalUnless(t, r.Index == i, "the party that arrived as number %d has index %d", i, r.Index)
		}
	}
}

func (h *barrierHistory) proceed(t *rapid.T) {
	if h.actor == nil {
		t.Skip("nobody acts")
	}
	fatalUnless(t, errors.Is(h.barrier.Proceed(h.actor.Session, h.actor.Round+1), state.ErrBroken), "another round went on")
	fatalUnless(t, errors.Is(h.barrier.Proceed(&client{1 << 40}, h.actor.Round), state.ErrBroken), "another session acted")
	fatalUnless(t, h.barrier.Proceed(h.actor.Session, h.actor.Round) == nil, "Proceed failed")
	released, late := h.waiting, h.late
	h.waiting, h.late, h.actor = nil, nil, nil
	for _, w := range late {
		released = append(released, h.arrive(w)...)
	}
	h.expect(t, released, nil)
}

// breakUp is the model of Abort.
func (h *barrierHistory) breakUp() (broken []*state.BarrierWait) {
	broken = slices.Concat(h.waiting, h.late)
	h.waiting, h.late, h.actor, h.broken = nil, nil, nil, true
	return broken
}

func (h *barrierHistory) abort(t *rapid.T) {
	if h.actor != nil && rapid.Bool().Draw(t, "actor") {
		h.barrier.AbortRound(h.actor.Session, h.actor.Round)
	} else {
		h.barrier.Abort()
	}
	h.expect(t, nil, h.breakUp())
	h.barrier.AbortRound(&client{1 << 40}, 0)
	h.expect(t, nil, nil)
}

func (h *barrierHistory) reset(t *rapid.T) {
	h.barrier.Reset()
	broken, late := h.waiting, h.late
	h.waiting, h.late, h.actor, h.broken = nil, nil, nil, false
	var released []*state.BarrierWait
	for _, w := range late {
		released = append(released, h.arrive(w)...)
	}
	h.expect(t, released, broken)
}

func (h *barrierHistory) cancel(t *rapid.T) {
	w := drawFrom(t, slices.Concat(h.waiting, h.late), "wait")
	h.barrier.Cancel(w)
	answered := h.barrier.Answered()
	fatalUnless(t, len(answered) > 0 && answered[0] == w && wasCanceled(w.Err), "a cancelled wait was not answered so")
	if slices.Contains(h.late, w) {
		h.late = without(h.late, w)
		fatalUnless(t, len(answered) == 1, "a party that came late broke the barrier")
		return
	}
	h.waiting = without(h.waiting, w)
	broken := h.breakUp()
	fatalUnless(t, len(answered) == 1+len(broken), "%d were answered", len(answered))
	for _, other := range answered[1:] {
		fatalUnless(t, slices.Contains(broken, other) && errors.Is(other.Err, state.ErrBroken), "not told that it broke")
	}
}

func (h *barrierHistory) endSession(t *rapid.T) {
	gone := h.end(t)
	h.barrier.EndSession(gone)
	of := func(w *state.BarrierWait) bool { return w.Session == gone }
	h.late = slices.DeleteFunc(h.late, of)
	waited := len(h.waiting)
	h.waiting = slices.DeleteFunc(h.waiting, of)
	if len(h.waiting) < waited || h.actor != nil && of(h.actor) {
		h.expect(t, nil, h.breakUp())
		return
	}
	h.expect(t, nil, nil)
}

func (h *barrierHistory) check(t *rapid.T) {
	fatalUnless(t, h.barrier.Broken() == h.broken, "broken is %v", h.barrier.Broken())
	fatalUnless(t, len(h.barrier.Waiters()) == len(h.waiting), "%d wait, not %d", len(h.barrier.Waiters()), len(h.waiting))
}

func TestBarrierHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parties := rapid.IntRange(1, 3).Draw(t, "parties")
		h := &barrierHistory{clients: newClients(4), parties: parties, barrier: state.NewBarrier(parties)}
		t.Repeat(map[string]func(*rapid.T){
			"wait": h.wait, "proceed": h.proceed, "abort": h.abort, "reset": h.reset, "cancel": h.cancel,
			"end": h.endSession, "": h.check,
		})
	})
}
