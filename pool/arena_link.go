package pool

import (
	"encoding/binary"
	"log/slog"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// rawLeast is how many bytes a []byte has, at least, that is encoded no sooner than on its way: too many for a ring.
const rawLeast = ringBytes/4 - recordHeader

// encodedSize is how many bytes the encoded argument of a task has.
func (t *task) encodedSize() int {
	if t.raw {
		return wire.BytesHeader + len(t.arg)
	}
	return len(t.arg)
}

// encoded returns the encoded argument of a task.
func (t *task) encoded() []byte {
	if !t.raw {
		return t.arg
	}
	return append(wire.AppendBytesHeader(make([]byte, 0, t.encodedSize()), len(t.arg)), t.arg...)
}

// lead is how much of its place in the arena a task's argument leaves free.
func (t *task) lead() int {
	if t.raw {
		return leadSize
	}
	return 0
}

// berth finds a place in the arena for a large argument. It is called with l.mu held.
func (l *link) berth(t *task) (piece, bool) {
	if l.arena == nil || l.trimming {
		return piece{}, false
	}
	return l.outgoing.take(t.lead()+t.encodedSize(), len(l.arena.args))
}

// isLarge reports whether a task is too large for the ring.
func (l *link) isLarge(t *task) bool {
	return t.run == 0 && deadlineSize+attemptSize+traceRoom(t.job.trace())+len(t.arg) > l.tasks.largest()
}

// largeAhead is how many bytes of large arguments are sent ahead, at most, unless two are not even that: more would only wait, and
// be in no cache any more when the worker copies them.
const largeAhead = 4 << 20

// isAhead reports whether so much is on its way to the worker that another large task should wait.
func (l *link) isAhead() bool {
	bytes := 0
	for _, p := range l.outgoing {
		bytes += p.size
	}
	return len(l.outgoing) >= 2 && bytes >= largeAhead
}

// isSecond reports whether a task is large, and so is the one that would run before it: then it is copied while that one
// runs, however long tasks take.
func (l *link) isSecond(t *task) bool {
	switch {
	case len(l.placed) > 0:
		return l.isLarge(t) && l.placed[len(l.placed)-1].piece.size > 0
	case l.flight.len() > 0:
		return l.isLarge(t) && l.flight.at(l.flight.len()-1).piece.size > 0
	}
	return false
}

// runsOnLocked says on which processor the link runs as it sends a large task of a job, and whether it goes on with something else,
// as far as is known.
func (l *link) runsOnLocked(j *job) uint64 {
	on := processor()
	if on > 0 && (!j.single || l.flight.len() > 0) {
		on |= linkGoesOn
	}
	return on
}

// ship copies a large argument to its place in the arena, and says in its record where that is.
func (l *link) ship(t placement) {
	at := t.piece.at + t.lead()
	half := l.arena.args[at : at : t.piece.at+t.piece.size]
	if t.raw {
		half = wire.AppendBytesHeader(half, len(t.arg))
	}
	_ = append(half, t.arg...)
	_ = wherePiece(t.room[:0], uint64(at), uint64(t.encodedSize()))
	l.idlesLocked()
}

// openResult has an answer's payload be what its record says where it is.
func (l *link) openResult(a *answer) error {
	if l.arena == nil || len(a.payload) != pieceSize {
		return errCorrupt
	}
	at, size := binary.NativeEndian.Uint64(a.payload), binary.NativeEndian.Uint64(a.payload[8:])
	if size > uint64(frameLimit(l.pool.options.MaxPayload)) {
		return wire.ErrFrameTooLarge
	}
	payload, err := pieceOf(l.arena.results, at, size)
	a.payload, a.shared = payload, true
	l.large++
	return err
}

// returnResults tells the worker which results in the arena are settled, so that their places are free.
func (l *link) returnResults() {
	if l.large == l.largeTold {
		return
	}
	l.largeTold = l.large
	l.shared.word(wordLargeTaken).Store(l.large)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settling = false
	l.idlesLocked()
}

// keep copies a payload that the worker may change, unless it is a value for a job that reads such, which may be nil.
func (a *answer) keep(j *job) {
	if a.shared && (a.kind != resultValue || j == nil || !j.shares) {
		a.payload, a.shared = wire.CloneBytes(a.payload), false
	}
}

// idleTime is how long an arena keeps its memory when it is not used.
const idleTime = time.Second

// idlesLocked puts off the end of that.
func (l *link) idlesLocked() {
	l.shippedAt = clock()
	if !l.trimArmed && !l.leaving {
		l.trimArmed = true
		l.trimmer.Reset(idleTime)
	}
}

// trim gives the arena's memory back if it was not used for a while, and nothing can be in it.
func (l *link) trim() {
	l.mu.Lock()
	l.trimArmed = false
	if l.leaving || l.buried {
		l.mu.Unlock()
		return
	}
	if left := idleTime - time.Duration(clock()-l.shippedAt); left > 0 || l.flight.len() > 0 || l.settling {
		l.trimArmed = true
		l.trimmer.Reset(max(left, idleTime/10))
		l.mu.Unlock()
		return
	}
	l.goroutines.Add(1)
	defer l.goroutines.Done()
	l.trimming = true // nothing is sent meanwhile, so that the worker writes nothing
	l.mu.Unlock()
	if err := l.arena.trim(); err != nil {
		l.log(slog.LevelWarn, "cannot give memory for large payloads back", slog.Any("error", err))
	}
	l.mu.Lock()
	l.trimming = false
	l.mu.Unlock()
	l.fill()
}
