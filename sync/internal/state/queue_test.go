package state_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// queueHistory is a random history of a queue, with a model of where each item should be.
type queueHistory struct {
	*clients
	joinable bool
	capacity int
	queue    *state.Queue

	items   []*state.Item      // inside, in order
	out     []handedOut        // handed out, in order
	getters []*state.QueueWait // at most one of getters and items has any
	putters []*state.QueueWait
	joiners []*state.Wait
	closed  bool
	dropped []*state.Item // that Dropped should return
}

type handedOut struct {
	item *state.Item
	to   state.Session
}

// settle does in the model what follows from an operation, and checks that just those were answered who should be.
func (h *queueHistory) settle(t *rapid.T, refused ...*state.QueueWait) {
	var accepted, served, ended []*state.QueueWait
	for moved := true; moved; {
		moved = false
		for len(h.getters) > 0 && len(h.items) > 0 {
			w, item := h.getters[0], h.items[0]
			h.getters, h.items = h.getters[1:], h.items[1:]
			h.out = append(h.out, handedOut{item, w.Session})
			served, moved = append(served, w), true
			fatalUnless(t, w.Item == item, "a get has the wrong item")
		}
		for len(h.putters) > 0 && !h.closed && (h.capacity == 0 || len(h.items) < h.capacity) {
			w := h.putters[0]
			h.putters = h.putters[1:]
			h.items = append(h.items, w.Item)
			accepted, moved = append(accepted, w), true
		}
	}
	h.getters = slices.DeleteFunc(h.getters, func(w *state.QueueWait) bool {
		if h.exhausted(w.Session) {
			ended = append(ended, w)
			return true
		}
		return false
	})
	h.compare(t, slices.Concat(accepted, served, ended, refused))
	for _, w := range ended {
		fatalUnless(t, errors.Is(w.Err, state.ErrClosed), "a get at the end has %v", w.Err)
	}
}

// exhausted says, by the model, that a get of the session ends: in a joinable queue what others have may come back.
func (h *queueHistory) exhausted(s state.Session) bool {
	foreign := slices.ContainsFunc(h.out, func(o handedOut) bool { return o.to != s })
	return h.closed && len(h.items) == 0 && !(h.joinable && foreign)
}

func (h *queueHistory) compare(t *rapid.T, want []*state.QueueWait) {
	got := h.queue.Answered()
	fatalUnless(t, len(got) == len(want), "%d waits were answered, %d should be", len(got), len(want))
	for _, w := range got {
		fatalUnless(t, slices.Contains(want, w), "somebody was answered whose turn it is not")
	}
	gone := h.queue.Dropped()
	fatalUnless(t, len(gone) == len(h.dropped), "%d items were dropped, %d should be", len(gone), len(h.dropped))
	for _, item := range gone {
		fatalUnless(t, slices.Contains(h.dropped, item), "an item was dropped that is still somewhere")
	}
	h.dropped = nil
}

func (h *queueHistory) put(t *rapid.T) {
	w := &state.QueueWait{Session: h.draw(t), Item: &state.Item{Value: []byte{1}}}
	if h.closed {
		h.queue.Put(w)
		h.dropped = append(h.dropped, w.Item)
		h.settle(t, w)
		fatalUnless(t, errors.Is(w.Err, state.ErrClosed), "put into a closed queue: %v", w.Err)
		return
	}
	full := h.capacity > 0 && len(h.items) >= h.capacity
	if rapid.Bool().Draw(t, "try") {
		fatalUnless(t, h.queue.TryPut(w) != full, "TryPut is wrong")
		if full {
			h.settle(t)
			return
		}
	} else {
		h.queue.Put(w)
	}
	h.putters = append(h.putters, w)
	h.settle(t)
}

func (h *queueHistory) get(t *rapid.T) {
	w := &state.QueueWait{Session: h.draw(t)}
	answered := len(h.items) > 0 || h.exhausted(w.Session)
	if rapid.Bool().Draw(t, "try") {
		fatalUnless(t, h.queue.TryGet(w) == answered, "TryGet is wrong")
		if !answered {
			h.settle(t)
			return
		}
	} else {
		h.queue.Get(w)
	}
	h.getters = append(h.getters, w)
	h.settle(t)
}

func (h *queueHistory) acknowledge(t *rapid.T) {
	o := drawFrom(t, h.out, "item")
	h.queue.Arrived(&client{1 << 40}, o.item.Number) // not the one who has it
	if !h.joinable {
		h.queue.Arrived(o.to, o.item.Number)
		h.forget(t, o)
		h.queue.Arrived(o.to, o.item.Number) // it was forgotten
		h.settle(t)
		return
	}
	h.queue.Arrived(o.to, o.item.Number)
	number := o.item.Number
	if rapid.Bool().Draw(t, "oldest") {
		number = 0
		o = h.out[slices.IndexFunc(h.out, func(other handedOut) bool { return other.to == o.to })]
	}
	fatalUnless(t, h.queue.Done(o.to, number) == nil, "Done failed")
	h.forget(t, o)
	again := h.queue.Done(o.to, o.item.Number)
	fatalUnless(t, errors.Is(again, state.ErrTooManyDone), "an item was done twice: %v", again)
}

func (h *queueHistory) doneForOthers(t *rapid.T) {
	if !h.joinable {
		t.Skip("not joinable")
	}
	stranger := &client{1 << 40}
	fatalUnless(t, errors.Is(h.queue.Done(stranger, 1), state.ErrTooManyDone), "a stranger's item was done")
	err := h.queue.Done(stranger, 0)
	if len(h.out) == 0 {
		fatalUnless(t, errors.Is(err, state.ErrTooManyDone), "Done of nothing: %v", err)
		return
	}
	fatalUnless(t, err == nil, "Done for somebody else: %v", err)
	h.forget(t, h.out[0])
}

func (h *queueHistory) forget(t *rapid.T, o handedOut) {
	h.out = without(h.out, o)
	h.dropped = append(h.dropped, o.item)
	h.settle(t)
	h.checkJoiners(t)
}

func (h *queueHistory) join(t *rapid.T) {
	w := &state.Wait{Session: h.draw(t)}
	h.queue.Join(w)
	h.joiners = append(h.joiners, w)
	h.checkJoiners(t)
}

func (h *queueHistory) checkJoiners(t *rapid.T) {
	unfinished := 0
	if h.joinable {
		unfinished = len(h.items) + len(h.out)
	}
	fatalUnless(t, h.queue.Unfinished() == unfinished, "%d are unfinished, not %d", h.queue.Unfinished(), unfinished)
	got := h.queue.Joined()
	if unfinished > 0 {
		fatalUnless(t, len(got) == 0, "Join returned with %d unfinished", unfinished)
		return
	}
	fatalUnless(t, slices.Equal(got, h.joiners), "%d of %d joiners were answered", len(got), len(h.joiners))
	h.joiners = nil
}

func (h *queueHistory) cancel(t *rapid.T) {
	w := drawFrom(t, slices.Concat(h.getters, h.putters), "wait")
	h.queue.Cancel(w)
	if slices.Contains(h.putters, w) {
		h.dropped = append(h.dropped, w.Item)
	}
	h.getters, h.putters = without(h.getters, w), without(h.putters, w)
	h.settle(t, w)
	fatalUnless(t, wasCanceled(w.Err), "a cancelled wait has %v", w.Err)
	h.queue.Cancel(w)
	h.settle(t)
}

func (h *queueHistory) endSession(t *rapid.T) {
	gone := h.end(t)
	h.queue.EndSession(gone)
	of := func(w *state.QueueWait) bool { return w.Session == gone }
	for _, w := range h.putters {
		if of(w) {
			h.dropped = append(h.dropped, w.Item)
		}
	}
	h.getters, h.putters = slices.DeleteFunc(h.getters, of), slices.DeleteFunc(h.putters, of)
	h.joiners = slices.DeleteFunc(h.joiners, func(w *state.Wait) bool { return w.Session == gone })
	for _, o := range slices.Clone(h.out) {
		if o.to == gone {
			h.out = without(h.out, o)
			h.items = append(h.items, o.item)
		}
	}
	slices.SortFunc(h.items, func(a, b *state.Item) int { return int(a.Number) - int(b.Number) })
	h.settle(t)
	h.checkJoiners(t)
}

func (h *queueHistory) close(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "close") > 0 {
		t.Skip("close seldom")
	}
	h.queue.Close()
	h.closed = true
	refused := h.putters
	h.putters = nil
	for _, w := range refused {
		h.dropped = append(h.dropped, w.Item)
	}
	h.settle(t, refused...)
}

func (h *queueHistory) check(t *rapid.T) {
	fatalUnless(t, h.queue.Len() == len(h.items), "%d items, not %d", h.queue.Len(), len(h.items))
	fatalUnless(t, len(h.queue.Holders()) == len(h.out), "%d handed out, not %d", len(h.queue.Holders()), len(h.out))
	waiting := len(h.getters) + len(h.putters) + len(h.joiners)
	fatalUnless(t, len(h.queue.Waiters()) == waiting, "%d wait, not %d", len(h.queue.Waiters()), waiting)
	for _, o := range h.out {
		fatalUnless(t, o.item.Deliveries > 0, "handed out and not counted")
	}
}

func TestQueueHistories(t *testing.T) {
	for name, joinable := range map[string]bool{"Queue": false, "JoinableQueue": true} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			capacity := rapid.IntRange(0, 3).Draw(t, "capacity")
			h := &queueHistory{
				clients: newClients(3), joinable: joinable, capacity: capacity,
				queue: state.NewQueue(capacity, joinable),
			}
			t.Repeat(map[string]func(*rapid.T){
				"put": h.put, "get": h.get, "acknowledge": h.acknowledge, "done for others": h.doneForOthers,
				"join": h.join, "cancel": h.cancel, "end": h.endSession, "close": h.close, "": h.check,
			})
		}))
	}
}
