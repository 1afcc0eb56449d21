package state_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// lockHistory is a random history of one lock and a condition of it, with a model of who should be where.
type lockHistory struct {
	*clients
	reentrant bool
	lock      *state.Lock
	condition *state.Condition

	held      []*state.LockWait // the model: acquisitions that were granted and not undone
	queue     []*state.LockWait // waits for the lock, in order
	sleepers  []*state.LockWait // waits for the condition, in order
	lastFence uint64
	died      bool // the last holder, and nobody has had the lock since
	inherited bool // at the last grant, the one before had died
	received  []int
	weight    map[*state.LockWait]int // how often a wait of the condition is to hold the lock
	clock     int                     // counts waits for the condition, and notifications
	arrived   map[*state.LockWait]int // when a wait for the condition began
	notified  map[*state.LockWait]int // when it was notified
}

func newLockHistory(reentrant bool) *lockHistory {
	const before = 41
	l := state.NewLock(reentrant, before)
	return &lockHistory{
		clients: newClients(3), reentrant: reentrant, lock: l, condition: state.NewCondition(l), lastFence: before,
		weight: map[*state.LockWait]int{}, arrived: map[*state.LockWait]int{}, notified: map[*state.LockWait]int{},
	}
}

func (h *lockHistory) owner(t *rapid.T) state.LockOwner {
	o := state.LockOwner{Session: h.draw(t)}
	if h.reentrant {
		o.Number = rapid.Uint64Range(1, 2).Draw(t, "owner")
	}
	return o
}

// mayEnter says, by the model, whether the lock can be had without a wait.
func (h *lockHistory) mayEnter(o state.LockOwner) bool {
	return len(h.held) == 0 || h.reentrant && h.held[0].Owner == o
}

// take checks the answers against those that the model says come now, in order, each with the lock.
func (h *lockHistory) take(t *rapid.T, want ...*state.LockWait) {
	got := h.lock.Answered()
	fatalUnless(t, slices.Equal(got, want), "%d waits were answered, %d should be", len(got), len(want))
	for _, w := range got {
		fatalUnless(t, w.Err == nil && w.Fence != 0, "answered with %v, fence %d", w.Err, w.Fence)
		if len(h.held) == 0 {
			fatalUnless(t, w.Fence > h.lastFence, "fence %d after %d", w.Fence, h.lastFence)
			h.lastFence, h.inherited, h.died, h.received = w.Fence, h.died, false, nil
		}
		fatalUnless(t, w.OwnerDied == h.inherited, "OwnerDied is %v", w.OwnerDied)
		if h.notified[w] != 0 {
			h.received = append(h.received, h.notified[w])
		}
		fatalUnless(t, w.Fence == h.lastFence, "fence %d within the hold of %d", w.Fence, h.lastFence)
		for range max(1, h.weight[w]) {
			h.held = append(h.held, w)
		}
		delete(h.weight, w)
	}
}

// next takes from the model's queue those who get the lock now.
func (h *lockHistory) next() []*state.LockWait {
	if len(h.held) > 0 || len(h.queue) == 0 {
		return nil
	}
	first := h.queue[0]
	granted := []*state.LockWait{first}
	h.queue = h.queue[1:]
	if h.reentrant {
		rest := h.queue
		h.queue = nil
		for _, w := range rest {
			if w.Owner == first.Owner {
				granted = append(granted, w)
			} else {
				h.queue = append(h.queue, w)
			}
		}
	}
	return granted
}

func (h *lockHistory) acquire(t *rapid.T) {
	w := &state.LockWait{Owner: h.owner(t)}
	if rapid.Bool().Draw(t, "try") {
		fatalUnless(t, h.lock.TryAcquire(w) == h.mayEnter(w.Owner), "TryAcquire is wrong")
		if h.mayEnter(w.Owner) {
			h.take(t, w)
		} else {
			h.take(t)
		}
		return
	}
	h.lock.Acquire(w)
	if h.mayEnter(w.Owner) {
		h.take(t, w)
		return
	}
	h.queue = append(h.queue, w)
	h.take(t)
}

func (h *lockHistory) release(t *rapid.T) {
	w := drawFrom(t, h.held, "hold")
	if rapid.IntRange(0, 9).Draw(t, "wrong") == 0 {
		thief := state.LockOwner{Session: &client{1 << 40}, Number: w.Owner.Number}
		fatalUnless(t, errors.Is(h.lock.Release(thief, h.lastFence), state.ErrNotHeld), "a thief could release")
		fatalUnless(t, errors.Is(h.lock.Release(w.Owner, h.lastFence-1), state.ErrNotHeld), "an old fence could release")
		return
	}
	fatalUnless(t, h.lock.Release(w.Owner, h.lastFence) == nil, "Release failed")
	h.held = h.held[1:]
	h.take(t, h.next()...)
}

// settle has the holder release and take the lock by itself, some times.
func (h *lockHistory) settle(t *rapid.T) {
	drawFrom(t, h.held, "hold")
	if h.reentrant {
		t.Skip("it is not lent")
	}
	if times := rapid.Uint64Range(0, 3).Draw(t, "times"); times > 0 {
		h.lastFence += times
		h.inherited, h.received = false, nil
	}
	has := rapid.Bool().Draw(t, "has")
	h.lock.Settle(h.lastFence, has)
	if !has {
		h.held = nil
	}
	h.take(t, h.next()...)
}

func (h *lockHistory) wait(t *rapid.T) {
	holder := drawFrom(t, h.held, "hold")
	w := &state.LockWait{Owner: holder.Owner}
	h.condition.Wait(w, h.lastFence)
	h.weight[w] = len(h.held)
	h.clock++
	h.arrived[w] = h.clock
	h.held = nil
	h.sleepers = append(h.sleepers, w)
	h.take(t, h.next()...)
}

func (h *lockHistory) notify(t *rapid.T) {
	holder := drawFrom(t, h.held, "hold")
	n := rapid.IntRange(0, 3).Draw(t, "n")
	got, err := h.condition.Notify(holder.Owner, h.lastFence, n)
	fatalUnless(t, err == nil && got == min(n, len(h.sleepers)), "Notify returned %d, %v", got, err)
	var entering []*state.LockWait
	h.clock++
	for _, w := range h.sleepers[:got] {
		h.notified[w] = h.clock
		if h.mayEnter(w.Owner) {
			entering = append(entering, w)
		} else {
			h.queue = append(h.queue, w)
		}
	}
	h.sleepers = h.sleepers[got:]
	h.take(t, entering...)
	for _, w := range entering {
		fatalUnless(t, w.Notified, "a notified wait does not know")
	}
}

func (h *lockHistory) cancel(t *rapid.T) {
	w := drawFrom(t, slices.Concat(h.held, h.queue, h.sleepers), "wait")
	h.lock.Cancel(w)
	_, waitsForCondition := h.weight[w]
	switch {
	case slices.Contains(h.held, w):
		h.take(t) // it was answered long ago
	case !waitsForCondition:
		h.queue = without(h.queue, w)
		got := h.lock.Answered()
		fatalUnless(t, len(got) == 1 && got[0] == w && wasCanceled(w.Err), "a cancelled wait was not answered so")
	case slices.Contains(h.sleepers, w) && h.mayEnter(w.Owner):
		h.sleepers = without(h.sleepers, w)
		h.take(t, w)
		fatalUnless(t, !w.Notified, "a cancelled wait says that it was notified")
	default:
		if slices.Contains(h.sleepers, w) {
			h.sleepers = without(h.sleepers, w)
			h.queue = append(h.queue, w)
		}
		got := h.lock.Answered()
		fatalUnless(t, len(got) == 1 && got[0] == w && w.Err == nil && w.Fence == 0 && w.Ticket != 0, "no ticket")
		h.resume(t, w)
	}
}

// resume takes up a cancelled wait of the condition again; the new one has its place.
func (h *lockHistory) resume(t *rapid.T, old *state.LockWait) {
	w := &state.LockWait{Owner: old.Owner}
	h.lock.Resume(w, old.Ticket)
	fatalUnless(t, w.Notified == old.Notified, "the notification was lost")
	h.queue[slices.Index(h.queue, old)] = w
	h.weight[w], h.notified[w] = h.weight[old], h.notified[old]
	delete(h.weight, old)
	h.take(t)
	again := &state.LockWait{Owner: old.Owner}
	h.lock.Resume(again, old.Ticket)
	got := h.lock.Answered()
	fatalUnless(t, len(got) == 1 && errors.Is(again.Err, state.ErrNotHeld), "a ticket was used twice")
}

func (h *lockHistory) endSession(t *rapid.T) {
	gone := h.end(t)
	h.lock.EndSession(gone)
	of := func(w *state.LockWait) bool { return w.Owner.Session == gone }
	h.sleepers = slices.DeleteFunc(h.sleepers, of)
	var unused []int // notifications that the dead had and did not use
	for _, w := range h.queue {
		if of(w) && h.notified[w] != 0 {
			unused = append(unused, h.notified[w])
		}
	}
	h.queue = slices.DeleteFunc(h.queue, of)
	if len(h.held) > 0 && of(h.held[0]) {
		unused = append(unused, h.received...)
	}
	var entered []*state.LockWait
	for _, at := range unused {
		if len(h.sleepers) == 0 || h.arrived[h.sleepers[0]] > at {
			continue // nobody waited when it was made
		}
		next := h.sleepers[0]
		h.sleepers, h.notified[next] = h.sleepers[1:], at
		if h.mayEnter(next.Owner) {
			entered = append(entered, next)
		} else {
			h.queue = append(h.queue, next)
		}
	}
	if len(h.held) > 0 && of(h.held[0]) {
		h.held, h.died = nil, true
	}
	h.take(t, append(entered, h.next()...)...)
}

func (h *lockHistory) check(t *rapid.T) {
	owner, held := h.lock.Holder()
	fatalUnless(t, held == (len(h.held) > 0), "held is %v", held)
	if held {
		fatalUnless(t, owner == h.held[0].Owner, "the holder is another")
		for _, w := range h.held {
			fatalUnless(t, w.Owner == owner, "two owners hold the lock")
		}
	} else {
		fatalUnless(t, len(h.queue) == 0, "a free lock has waiters")
	}
	fatalUnless(t, len(h.lock.Waiters()) == len(h.queue), "%d wait for the lock", len(h.lock.Waiters()))
	fatalUnless(t, len(h.condition.Waiters()) == len(h.sleepers), "%d wait for the condition", len(h.condition.Waiters()))
}

func TestLockHistories(t *testing.T) {
	for name, reentrant := range map[string]bool{"Lock": false, "RLock": true} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			h := newLockHistory(reentrant)
			t.Repeat(map[string]func(*rapid.T){
				"acquire": h.acquire, "release": h.release, "wait": h.wait, "notify": h.notify,
				"cancel": h.cancel, "end": h.endSession, "settle": h.settle, "": h.check,
			})
		}))
	}
}

// Who has taken the lock again by itself has done what it was notified for, and one that has not, or of which nobody knows, may
// not have.
func TestNotificationsOfAHolderThatSettled(t *testing.T) {
	for _, settle := range []struct {
		by   func(l *state.Lock, fence uint64)
		left int
	}{
		{func(l *state.Lock, fence uint64) { l.Settle(fence, true) }, 0},
		{func(l *state.Lock, fence uint64) { l.Settle(fence+1, true) }, 1},
		{func(l *state.Lock, fence uint64) { l.Overtake(fence + 10) }, 0},
	} {
		l := state.NewLock(false, 0)
		c := state.NewCondition(l)
		sleepers := [2]state.LockOwner{{Session: &client{1}}, {Session: &client{2}}}
		notifier := state.LockOwner{Session: &client{3}}
		acquire := func(o state.LockOwner) uint64 {
			w := &state.LockWait{Owner: o}
			l.Acquire(w)
			return w.Fence
		}
		for _, o := range sleepers {
			c.Wait(&state.LockWait{Owner: o}, acquire(o))
		}
		fence := acquire(notifier)
		if n, err := c.Notify(notifier, fence, 1); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if err := l.Release(notifier, fence); err != nil {
			t.Fatal(err)
		}
		_, held := l.Holder()
		settle.by(l, fence+1)
		l.EndSession(sleepers[0].Session)
		if left := len(c.Waiters()); left != settle.left || !held {
			t.Errorf("%d wait for the condition, and not %d", left, settle.left)
		}
	}
}
