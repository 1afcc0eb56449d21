package state_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

func TestSemaphoreHistories(t *testing.T) {
	for name, bounded := range map[string]bool{"Semaphore": false, "BoundedSemaphore": true} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) { semaphoreHistory(t, bounded) }))
	}
}

func semaphoreHistory(t *rapid.T, bounded bool) {
	initial := rapid.IntRange(0, 3).Draw(t, "units")
	m, sessions := state.NewSemaphore(initial, bounded), newClients(3)
	var holds []state.Session
	var queue []*state.Wait
	free := initial
	settle := func(t *rapid.T) {
		var want []*state.Wait
		for free > 0 && len(queue) > 0 {
			want = append(want, queue[0])
			holds = append(holds, queue[0].Session)
			queue = queue[1:]
			free--
		}
		got := m.Answered()
		fatalUnless(t, slices.Equal(got, want), "%d waits were answered, %d should be", len(got), len(want))
		for _, w := range got {
			fatalUnless(t, w.Err == nil, "answered with %v", w.Err)
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"acquire": func(t *rapid.T) {
			w := &state.Wait{Session: sessions.draw(t)}
			m.Acquire(w)
			queue = append(queue, w)
			settle(t)
		},
		"try": func(t *rapid.T) {
			s := sessions.draw(t)
			fatalUnless(t, m.TryAcquire(s) == (free > 0), "TryAcquire is wrong with %d free", free)
			if free > 0 {
				free--
				holds = append(holds, s)
			}
			settle(t)
		},
		"release": func(t *rapid.T) {
			s, n := sessions.draw(t), rapid.IntRange(1, 2).Draw(t, "n")
			err := m.Release(s, n)
			if bounded && free+n > initial {
				fatalUnless(t, errors.Is(err, state.ErrOverReleased), "over-released: %v", err)
				n = 0
			} else {
				fatalUnless(t, err == nil, "Release: %v", err)
			}
			for range n {
				if len(holds) > 0 {
					own := max(0, slices.Index(holds, state.Session(s)))
					holds = slices.Delete(holds, own, own+1)
				}
			}
			free += n
			settle(t)
		},
		"cancel": func(t *rapid.T) {
			w := drawFrom(t, queue, "wait")
			m.Cancel(w)
			queue = without(queue, w)
			got := m.Answered()
			fatalUnless(t, len(got) == 1 && wasCanceled(w.Err), "a cancelled wait was not answered so")
			m.Cancel(w)
			settle(t)
		},
		"end": func(t *rapid.T) {
			gone := sessions.end(t)
			m.EndSession(gone)
			queue = slices.DeleteFunc(queue, func(w *state.Wait) bool { return w.Session == gone })
			kept := slices.DeleteFunc(slices.Clone(holds), func(s state.Session) bool { return s == gone })
			free += len(holds) - len(kept)
			holds = kept
			settle(t)
		},
		"": func(t *rapid.T) {
			fatalUnless(t, m.Units() == free, "%d units are free, not %d", m.Units(), free)
			fatalUnless(t, slices.Equal(m.Holders(), holds), "the holds differ")
			fatalUnless(t, len(m.Waiters()) == len(queue), "%d wait, not %d", len(m.Waiters()), len(queue))
			fatalUnless(t, !bounded || free+len(holds) <= initial, "more units than there were")
		},
	})
}

func TestEventHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sessions := newClients(3)
		var e state.Event
		var waiting []*state.Wait
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				w := &state.Wait{Session: sessions.draw(t)}
				e.Wait(w)
				if e.IsSet() {
					fatalUnless(t, slices.Equal(e.Answered(), []*state.Wait{w}), "a set event kept a wait")
					return
				}
				waiting = append(waiting, w)
			},
			"set": func(t *rapid.T) {
				e.Set()
				fatalUnless(t, e.IsSet() && slices.Equal(e.Answered(), waiting), "Set did not release all, in order")
				waiting = nil
			},
			"clear": func(t *rapid.T) {
				e.Clear()
				fatalUnless(t, !e.IsSet(), "Clear left it set")
			},
			"cancel": func(t *rapid.T) {
				w := drawFrom(t, waiting, "wait")
				e.Cancel(w)
				waiting = without(waiting, w)
				fatalUnless(t, len(e.Answered()) == 1 && wasCanceled(w.Err), "a cancelled wait was not answered so")
			},
			"end": func(t *rapid.T) {
				gone := sessions.end(t)
				e.EndSession(gone)
				waiting = slices.DeleteFunc(waiting, func(w *state.Wait) bool { return w.Session == gone })
			},
			"": func(t *rapid.T) {
				fatalUnless(t, len(e.Answered()) == 0, "somebody was answered for nothing")
				fatalUnless(t, len(e.Waiters()) == len(waiting), "%d wait, not %d", len(e.Waiters()), len(waiting))
			},
		})
	})
}
