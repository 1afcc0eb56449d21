package state_test

import (
	"slices"
	"testing"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// sleepers has sessions wait for a condition, one after the other, and returns their waits.
func sleepers(t *testing.T, l *state.Lock, c *state.Condition, sessions ...*client) []*state.LockWait {
	t.Helper()
	var waits []*state.LockWait
	for _, s := range sessions {
		held := &state.LockWait{Owner: state.LockOwner{Session: s}}
		l.Acquire(held)
		w := &state.LockWait{Owner: held.Owner}
		c.Wait(w, held.Fence)
		waits = append(waits, w)
	}
	l.Answered()
	return waits
}

// notify notifies n waits, and keeps the lock.
func notify(t *testing.T, l *state.Lock, c *state.Condition, by *client, n int) (release func()) {
	t.Helper()
	held := &state.LockWait{Owner: state.LockOwner{Session: by}}
	l.Acquire(held)
	if got, err := c.Notify(held.Owner, held.Fence, n); err != nil || got != n {
		t.Fatalf("%d notified, %v", got, err)
	}
	l.Answered()
	return func() {
		if err := l.Release(held.Owner, held.Fence); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNotificationOfTheDeadGoesToWhoWaited(t *testing.T) {
	for name, cancelled := range map[string]bool{"waiting for the lock": false, "with a ticket": true} {
		t.Run(name, func(t *testing.T) {
			l := state.NewLock(false, 0)
			c := state.NewCondition(l)
			first, second, other := &client{1}, &client{2}, &client{3}
			waits := sleepers(t, l, c, first, second)
			release := notify(t, l, c, other, 1)
			if cancelled {
				l.Cancel(waits[0])
				if got := l.Answered(); !slices.Equal(got, waits[:1]) || waits[0].Ticket == 0 || !waits[0].Notified {
					t.Errorf("cancelled: %+v", waits[0])
				}
			}
			l.EndSession(first)
			release()
			if got := l.Answered(); !slices.Equal(got, waits[1:]) || !waits[1].Notified {
				t.Errorf("the notification was lost: %d answered", len(got))
			}
		})
	}
}

func TestNotificationOfTheDeadGoesToNobodyWhoCameLater(t *testing.T) {
	l := state.NewLock(false, 0)
	c := state.NewCondition(l)
	first, other := &client{1}, &client{2}
	sleepers(t, l, c, first)
	holder := &client{3}
	held := &state.LockWait{Owner: state.LockOwner{Session: holder}}
	l.Acquire(held)
	if n, err := c.Notify(held.Owner, held.Fence, 1); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	late := &state.LockWait{Owner: held.Owner}
	l.Cancel(late) // it waits for nothing
	c.Wait(late, held.Fence)
	l.Answered() // the first has the lock now, and its notification is used
	l.EndSession(first)
	if l.TryAcquire(&state.LockWait{Owner: state.LockOwner{Session: other}}); len(c.Waiters()) != 1 {
		t.Error("a notification was used twice")
	}
}

// The one that was notified dies with the lock, which it has had since: nobody knows what it did. Another one looks.
func TestNotificationOfADeadHolderGoesToWhoWaited(t *testing.T) {
	for name, released := range map[string]bool{"holding": false, "after a release": true} {
		t.Run(name, func(t *testing.T) {
			l := state.NewLock(false, 0)
			c := state.NewCondition(l)
			first, second := &client{1}, &client{2}
			waits := sleepers(t, l, c, first, second)
			notify(t, l, c, &client{3}, 1)()
			if got := l.Answered(); !slices.Equal(got, waits[:1]) || !waits[0].Notified {
				t.Fatalf("%d answered", len(got))
			}
			if released {
				if err := l.Release(waits[0].Owner, waits[0].Fence); err != nil {
					t.Fatal(err)
				}
			}
			l.EndSession(first)
			got := l.Answered()
			if next := (&state.LockWait{Owner: state.LockOwner{Session: &client{4}}}); released {
				l.Acquire(next)
				l.EndSession(next.Owner.Session) // it was notified of nothing
				if got = append(got, l.Answered()...); !slices.Equal(got, []*state.LockWait{next}) {
					t.Error("a notification was used twice")
				}
			}
			if !released && (!slices.Equal(got, waits[1:]) || !waits[1].Notified || !waits[1].OwnerDied) {
				t.Errorf("the notification was lost: %d answered", len(got))
			}
		})
	}
}
