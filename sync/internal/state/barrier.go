package state

// A Barrier lets sessions go on together, so many at a time. The last to arrive may have something to do before the
// others go on: until it has, the barrier is acting, and who arrives meanwhile waits for the next round.
type Barrier struct {
	parties int

	waiting  roll[Session, *BarrierWait] // in the order of arrival
	late     roll[Session, *BarrierWait] // arrived while the barrier was acting
	broken   bool
	round    uint64  // counts rounds, and is what the actor proves itself by
	actor    Session // while acting
	answered []*BarrierWait
}

// A BarrierWait is one party.
type BarrierWait struct {
	Session Session
	Call    any  // the caller's own; never looked at here
	Acts    bool // it has something to do, should it be the last

	// The answer.
	Err   error
	Index int    // how many had arrived before
	Act   bool   // it is the last, and has to do what it has to do and then call Proceed or Abort
	Round uint64 // for Proceed

	place *entry[Session, *BarrierWait]
}

// NewBarrier returns a barrier for so many parties, at least 1.
func NewBarrier(parties int) *Barrier { return &Barrier{parties: parties} }

// Wait is answered when the last party has arrived. The error is ErrBroken.
func (b *Barrier) Wait(w *BarrierWait) {
	switch {
	case b.broken:
		b.answer(w, ErrBroken)
	case b.actor != nil:
		w.place = b.late.add(w.Session, w)
	default:
		b.arrive(w)
	}
}

// Proceed says that the actor of the round has done its part. The error is ErrBroken, if the round has ended otherwise.
func (b *Barrier) Proceed(s Session, round uint64) error {
	if b.actor == nil || b.actor != s || b.round != round {
		return ErrBroken
	}
	b.actor = nil
	b.release()
	for w := range b.late.drain() {
		b.Wait(w)
	}
	return nil
}

// Abort breaks the barrier: all that wait, and all that come, are answered with ErrBroken, until a Reset.
func (b *Barrier) Abort() {
	b.broken = true
	b.clear()
}

// AbortRound is Abort for the actor of a round; it does nothing if the round has ended.
func (b *Barrier) AbortRound(s Session, round uint64) {
	if b.actor != nil && b.actor == s && b.round == round {
		b.Abort()
	}
}

// Reset makes the barrier as new. Whoever waits is answered with ErrBroken.
func (b *Barrier) Reset() {
	b.broken = false
	b.clear()
}

// Cancel answers w with context.Canceled, unless it was answered before. One party that does not come breaks the
// barrier for the others.
func (b *Barrier) Cancel(w *BarrierWait) {
	if w.place.removeFrom(&b.late) {
		b.answer(w, errCanceled)
		return
	}
	if w.place.removeFrom(&b.waiting) {
		b.answer(w, errCanceled)
		b.Abort()
	}
}

// EndSession breaks the barrier if the session waits at it, or acts for it.
func (b *Barrier) EndSession(s Session) {
	b.late.removeOf(s)
	if gone := b.waiting.removeOf(s); len(gone) > 0 || b.actor != nil && b.actor == s {
		b.Abort()
	}
}

// Answered returns the waits that were answered since the last time, in the order of their answers.
func (b *Barrier) Answered() []*BarrierWait { return take(&b.answered) }

// Parties returns how many parties the barrier is for.
func (b *Barrier) Parties() int { return b.parties }

// Broken reports whether the barrier is broken.
func (b *Barrier) Broken() bool { return b.broken }

// Waiters returns the sessions that wait, in their order.
func (b *Barrier) Waiters() []Session { return b.waiting.inOrder() }

// Waiting returns how many wait.
func (b *Barrier) Waiting() int { return b.waiting.length }

func (b *Barrier) arrive(w *BarrierWait) {
	w.Index = b.waiting.length
	if w.Index+1 < b.parties {
		w.place = b.waiting.add(w.Session, w)
		return
	}
	b.round++
	if w.Acts {
		b.actor, w.Act, w.Round = w.Session, true, b.round
	} else {
		b.release()
	}
	b.answer(w, nil)
}

func (b *Barrier) release() {
	for w := range b.waiting.drain() {
		b.answer(w, nil)
	}
}

// clear ends the round.
func (b *Barrier) clear() {
	b.actor = nil
	for w := range b.waiting.drain() {
		b.answer(w, ErrBroken)
	}
	for w := range b.late.drain() {
		b.Wait(w)
	}
}

func (b *Barrier) answer(w *BarrierWait, err error) {
	w.Err = err
	b.answered = append(b.answered, w)
}
