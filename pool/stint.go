package pool

// A stint is a worker's work without a break: from the claim of the first task until it finds no other. By what the worker writes
// down of it the link knows how long its tasks took when it could not look itself. The clock is read once for that, at its end, and
// otherwise only where it is read anyway, or after a sleep.
type stint struct {
	begun int64  // clock at the first claim, or 0 if that was not written down
	tasks uint64 // claimed in it
	ended uint64 // in those before it
	woken bool   // the worker has slept since its last claim that was written down
}

// noteClaim writes down when the worker has claimed a task.
func (w *worker) noteClaim() {
	now := uint64(clock())
	w.shared.word(wordClaimedAt).Store(now)
	if s := &w.stint; s.tasks == 0 {
		s.begun = int64(now)
		w.shared.word(wordStintBegun).Store(now)
	}
	w.stint.woken = false
}

// endStint writes down that the worker has nothing to do, if it has done anything since it did so last.
func (w *worker) endStint() {
	s := &w.stint
	if s.tasks == 0 {
		return
	}
	if s.begun == 0 {
		w.shared.word(wordStintBegun).Store(0)
	}
	s.ended += s.tasks
	w.shared.word(wordStintOver).Store(uint64(clock()))
	w.shared.word(wordStintTasks).Store(s.tasks)
	w.shared.word(wordStintEnded).Store(s.ended)
	s.begun, s.tasks = 0, 0
}
