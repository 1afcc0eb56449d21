package state

// A Session is one client: the owner of holds and waits. Two are the same when they are equal.
type Session interface {
	// ID returns a number that no other session has.
	ID() uint64
}

// A Wait is a call that waits for an event and gets nothing but word of it.
type Wait struct {
	Session Session
	Call    any // the caller's own; never looked at here

	Err error // the answer

	place *entry[Session, *Wait]
}

// enqueue puts w at the end of the queue.
func (w *Wait) enqueue(queue *roll[Session, *Wait]) { w.place = queue.add(w.Session, w) }

// A waitQueue is the waits of a machine whose answers say nothing but whether, and those that it has answered.
type waitQueue struct {
	waiting  roll[Session, *Wait]
	answered []*Wait
}

// Answered returns the waits that were answered since the last time, in the order of their answers.
func (q *waitQueue) Answered() []*Wait { return take(&q.answered) }

// Waiters returns the sessions that wait, in their order.
func (q *waitQueue) Waiters() []Session { return q.waiting.inOrder() }

// Cancel answers w with context.Canceled, unless it was answered before.
func (q *waitQueue) Cancel(w *Wait) {
	if w.place.removeFrom(&q.waiting) {
		q.answer(w, errCanceled)
	}
}

func (q *waitQueue) answer(w *Wait, err error) {
	w.Err = err
	q.answered = append(q.answered, w)
}

// answerAll answers everybody who waits.
func (q *waitQueue) answerAll(err error) {
	for w := range q.waiting.drain() {
		q.answer(w, err)
	}
}

// forget removes the waits of a session.
func (q *waitQueue) forget(s Session) {
	q.waiting.removeOf(s)
}

// take returns what is in *answered and empties it.
func take[W any](answered *[]W) []W {
	taken := *answered
	*answered = nil
	return taken
}
