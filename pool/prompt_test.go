package pool

import (
	"context"
	"testing"
)

var endures = RegisterNamed("test.endures", func(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
})

// A large task is sent behind the one that the worker has as soon as it is there, and a few more behind that if tasks are short.
func TestLargeTasksAreSentBehindOthersAtOnce(t *testing.T) {
	if arenaHalf == 0 {
		t.Skip("there are no arenas here")
	}
	for target, most := range map[int]int{1: 2, 1000: mostPrompt} {
		p, err := New(t.Context(), &Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := returns.Apply(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
		l := p.seats[0].link.Load()
		l.mu.Lock()
		before := l.sent
		l.target = target
		l.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		reached := 0
		for range 5 * mostPrompt { // the link may be looking at what it has just then
			if _, err := endures.ApplyAsync(ctx, p, make([]byte, 100_000)); err != nil {
				t.Fatal(err)
			}
			l.mu.Lock()
			sent := l.sent - before // less when what was sent ahead is taken back
			l.mu.Unlock()
			reached = max(reached, sent)
		}
		if reached != most {
			t.Errorf("%d tasks were sent where %d take a millisecond, and not %d", reached, target, most)
		}
		cancel()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Two large tasks are sent ahead whatever their size, and more of them only to so many bytes.
func TestLargeTasksAreSentAheadToABound(t *testing.T) {
	l := &link{}
	for i, size := range []int{largeAhead / 4, largeAhead / 4, largeAhead / 4, largeAhead / 4} {
		if l.isAhead() {
			t.Errorf("%d quarters of it are too many", i)
		}
		l.outgoing.take(size, arenaHalf)
	}
	if arenaHalf > 0 && !l.isAhead() {
		t.Error("four are not enough")
	}
	l.outgoing = nil
	if l.outgoing.take(2*largeAhead, arenaHalf); l.isAhead() {
		t.Error("there is no second one")
	}
}
