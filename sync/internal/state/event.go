package state

// An Event is a flag that can be waited for.
type Event struct {
	waitQueue // nobody waits while the flag is set

	set bool
}

// Wait is answered when the flag is set.
func (e *Event) Wait(w *Wait) {
	if e.set {
		e.answer(w, nil)
		return
	}
	w.enqueue(&e.waiting)
}

// IsSet reports whether the flag is set.
func (e *Event) IsSet() bool { return e.set }

// Set sets the flag. All that wait are answered.
func (e *Event) Set() {
	e.set = true
	e.answerAll(nil)
}

// Clear takes the flag back.
func (e *Event) Clear() { e.set = false }

// EndSession forgets what the session waits for.
func (e *Event) EndSession(s Session) { e.forget(s) }
