package pool

import (
	"runtime"
	"testing"
	"time"
)

// A worker that finds itself on its link's processor again and again moves ever more rarely, until it was elsewhere for a while.
func TestApartBecomesRareWhereItDoesNotHelp(t *testing.T) {
	var a apart
	now := int64(time.Hour)
	if !a.due(now) || a.due(now) || a.due(now+int64(leastApart)-1) {
		t.Fatal("it is due at once, and not again so soon")
	}
	moves := 0
	for end := now + int64(10*time.Second); now < end; now += int64(100 * time.Microsecond) {
		if a.due(now) {
			moves++
		}
	}
	if moves > 25 || a.pause != mostApart {
		t.Errorf("it has moved %d times in ten seconds, and next after %v", moves, a.pause)
	}
	now = a.until + int64(mostApart)
	if !a.due(now) || a.pause != leastApart {
		t.Errorf("after a while elsewhere it waits for %v", a.pause)
	}
}

// It moves off the processor that is named, and off no other; what the thread may run on stays as it was.
func TestApartMovesTheThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := allowed(t)
	if before < 2 {
		t.Skip("there is one processor")
	}
	moved := false
	for range 100 { // the system may move the thread too, even back
		here := processor()
		var a apart
		a.keep(here)
		moved = moved || processor() != here
		if now := allowed(t); now != before {
			t.Fatalf("the thread may run on %d processors and not on %d", now, before)
		}
	}
	if !moved {
		t.Error("it stays")
	}
	for _, other := range []uint64{0, 1 << 20, 1<<64 - 1} {
		var a apart
		if a.keep(other); a.until != 0 {
			t.Errorf("it has moved away from processor %d", other)
		}
	}
}

// A worker moves while there is something for its link to do, and not for one large task alone.
func TestWorkerMovesWhereThereIsWorkForBoth(t *testing.T) {
	if processor() == 0 {
		t.Skip("processors are not told apart here")
	}
	s, a := sharedWith(t)
	tail, head := s.word(wordTaskTail), s.word(wordTaskHead)
	w := &worker{shared: s, arena: a, tasks: ringReader{ring: s.tasks(), tail: tail, head: head}}
	sent := ringWriter{ring: s.tasks(), tail: tail, head: head}
	for records := 1; records <= 2; records++ {
		if _, err := sent.reserve(pieceSize, flagArena); err != nil {
			t.Fatal(err)
		}
		sent.publish()
		for range 100 { // the system may move the thread in between
			s.word(wordLinkRuns).Store(processor())
			if _, err := w.largeArgument(wherePiece(nil, 0, 8), w.isFollowed(recordHeader+pieceSize)); err != nil {
				t.Fatal(err)
			}
		}
		if moved := w.apart.until != 0; moved != (records == 2) {
			t.Errorf("with %d tasks: moved %v", records, moved)
		}
	}
}

// A worker moves for one large task alone where its link goes on.
func TestWorkerMovesWhereItsLinkGoesOn(t *testing.T) {
	if processor() == 0 {
		t.Skip("processors are not told apart here")
	}
	s, a := sharedWith(t)
	w := &worker{shared: s, arena: a, tasks: ringReader{ring: s.tasks(), tail: s.word(wordTaskTail), head: s.word(wordTaskHead)}}
	for _, single := range []bool{true, false} {
		for range 100 { // the system may move the thread in between
			s.word(wordLinkRuns).Store((&link{}).runsOnLocked(&job{single: single}))
			if _, err := w.largeArgument(wherePiece(nil, 0, 8), w.isFollowed(recordHeader+pieceSize)); err != nil {
				t.Fatal(err)
			}
		}
		if moved := w.apart.until != 0; moved == single {
			t.Errorf("a task that is its job's only one: %v; moved: %v", single, moved)
		}
	}
}
