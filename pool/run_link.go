package pool

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/wire"
)

// sentRun is what a link knows of a run under way, whose tasks stand in its flight as they were sent. batch is the
// other end.
type sentRun struct {
	number  uint32
	block   block
	end     int // how many of its tasks may begin: fewer than were sent when some were taken back
	settled int // how many outcomes were taken
	offset  int // bytes of results that were taken
}

// look reads how far the run is. Nothing that does not follow from what was seen before is believed.
func (r *sentRun) look() (runWord, error) {
	w := runWord(r.block.word().Load())
	if w.number() != uint16(r.number) || w.end() != r.end || w.begun() > w.end() || w.ended() > w.begun() ||
		w.begun()-w.ended() > 1 || w.ended() < r.settled {
		return 0, fmt.Errorf("%w: a run cannot be where it says it is", errCorrupt)
	}
	return w, nil
}

// begunLocked reports whether the worker runs a task in flight, as far as it can be believed.
func (l *link) begunLocked(f *flying, sequence uint64) bool {
	if f.run == nil {
		return l.shared.claimed(sequence)
	}
	w, err := f.run.look()
	return err != nil || w.begun() > w.ended()
}

// portion returns what is to be sent of a task that waits, of which there is room for so many; what remains of a run
// is left in rest. It is false when a run has to wait for one that is under way.
func (l *link) portion(t *task, room int) (first, rest task, ok bool) {
	if t.run == 0 {
		return *t, task{}, true
	}
	first = *t
	if room < t.run {
		rest = *t
		first = rest.split(room)
	}
	first = first.alone()
	return first, rest, first.run == 0 || l.runsPlaced-l.runsOver < runBlocks
}

// launchLocked writes a run into the room of its record. Its number is the next one.
func (l *link) launchLocked(t task, room []byte) *sentRun {
	number := l.runsLaunched
	l.runsLaunched++
	r := &l.runs[number%runBlocks]
	*r = sentRun{number: number, block: l.shared.block(number), end: t.run}
	binary.NativeEndian.PutUint32(room, number)
	binary.NativeEndian.PutUint32(room[4:], uint32(t.run))
	copy(room[runHeader:], t.arg)
	atomic.StoreUint32(r.block.used(), 0)
	r.block.word().Store(uint64(newRunWord(number, t.run)))
	return r
}

// recallRunLocked takes back the tasks of a run that the worker has not begun.
func (l *link) recallRunLocked(f *flying) (task, bool) {
	r := f.run
	for {
		w, err := r.look()
		if err != nil || w.begun() == w.end() {
			return task{}, false
		}
		back := w.end() - w.begun()
		if !r.block.word().CompareAndSwap(uint64(w), uint64(w-runWord(back)*oneEnd)) {
			continue
		}
		r.end = w.begun()
		l.aloft -= back
		f.recalled = r.end == r.settled
		return f.between(r.end, r.end+back), true
	}
}

// harvestLocked takes the results of a run that were published since it was looked at last: it appends the verdicts,
// with copies of the results in buffer.
func (l *link) harvestLocked(f *flying, verdicts []verdict, buffer *[]byte) ([]verdict, error) {
	r := f.run
	w, err := r.look()
	if err != nil || w.ended() == r.settled {
		return verdicts, err
	}
	results, format := r.block.results(), f.job.entry.resultPacking
	start, n := len(*buffer), w.ended()-r.settled
	used := int64(r.offset + n*int(format))
	if format == 0 {
		used = int64(atomic.LoadUint32(r.block.used()))
	}
	if used > int64(len(results)) || used < int64(r.offset) {
		return verdicts, errCorrupt
	}
	copied := append(*buffer, results[r.offset:used]...)
	size, failed, err := format.measure(copied[start:], n)
	if err != nil {
		return verdicts, err
	}
	*buffer = copied[:start+size]
	ended := task{job: f.job, index: f.index + r.settled, run: n}
	verdicts = appendRun(verdicts, verdict{task: ended, packed: copied[start : start+size : start+size], failed: failed})
	r.settled += n
	r.offset += size
	l.aloft -= n
	l.ended += uint64(n)
	f.recalled = r.settled == r.end
	return verdicts, nil
}

// appendRun appends the verdict on a run: in one piece, unless errors in it are due to a cancellation.
func appendRun(verdicts []verdict, v verdict) []verdict {
	if v.failed == 0 || v.job.cause() == nil {
		return append(verdicts, v)
	}
	rest := v.packed
	for i := range v.run {
		var element []byte
		var failed bool
		element, rest, failed, _ = cutRun(rest) // it was measured
		o := outcome{kind: Done, value: element}
		if failed {
			o = failure(v.job, element)
		}
		verdicts = append(verdicts, verdict{task: task{job: v.job, index: v.index + i}, outcome: o})
	}
	return verdicts
}

// failure makes an outcome of an error that a worker has sent.
func failure(j *job, encoded []byte) outcome {
	failure, err := wire.DecodeError(encoded)
	if err != nil {
		return outcome{kind: Failed, err: fmt.Errorf("pool: cannot decode the task's error: %w", err)}
	}
	if cause := j.cause(); cause != nil {
		return outcome{kind: Cancelled, err: cause}
	}
	return outcome{kind: Failed, err: failure}
}

// overLocked takes the answer to the run at the front of the flight, which is over: what it has not begun, for want of
// room for results, is to be queued again.
func (l *link) overLocked(a answer) error {
	f := l.flight.at(0)
	if a.kind < resultRun || a.kind > resultFault {
		return fmt.Errorf("%w: an answer of kind %d to a run", errCorrupt, a.kind)
	}
	var err error
	if l.verdicts, err = l.harvestLocked(f, l.verdicts, &l.packed); err != nil {
		return err
	}
	w, err := f.run.look()
	if spilled := a.kind != resultRun; err != nil || w.begun()-w.ended() != btoi(spilled) {
		return fmt.Errorf("%w: an answer to a run that is not over", errCorrupt)
	}
	if a.kind != resultRun {
		a.keep(nil)
		t := task{job: f.job, index: f.index + w.ended()}
		o := outcome{kind: Done, value: a.payload}
		if a.kind == resultFault {
			o = failure(f.job, a.payload)
		}
		l.verdicts = append(l.verdicts, verdict{task: t, outcome: o})
		l.ended++
		l.aloft--
	}
	if back := w.end() - w.begun(); back > 0 {
		l.again = append(l.again, f.between(w.begun(), w.end()))
		l.sent -= back
		l.aloft -= back
	}
	if s := l.condemned; s != nil && s.sequence == l.base {
		l.condemned = nil
		close(s.over)
	}
	l.flight.popFront()
	l.base++
	l.runsOver++
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// harvest takes the results that the run at the front has so far, and settles them. It returns how many there were.
func (l *link) harvest() (int, error) {
	l.mu.Lock()
	l.verdicts, l.packed = l.verdicts[:0], l.packed[:0]
	var err error
	before := l.ended
	if l.flight.len() > 0 && l.flight.at(0).run != nil {
		l.verdicts, err = l.harvestLocked(l.flight.at(0), l.verdicts, &l.packed)
	}
	n := int(l.ended - before)
	if n > 0 {
		l.armLocked(tickEvery)
	}
	l.paceLocked()
	l.mu.Unlock()
	l.pool.settle(l.verdicts)
	clear(l.verdicts)
	return n, err
}

// ripe reports whether the run at the front has results that were not taken.
func (l *link) ripe() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ripeLocked()
}

func (l *link) ripeLocked() bool {
	if l.flight.len() == 0 || l.flight.at(0).run == nil {
		return false
	}
	r := l.flight.at(0).run
	w, err := r.look()
	return err != nil || w.ended() > r.settled
}

// wreckLocked settles a run whose worker is gone: results that were published count, the one task that had begun is
// lost, and the rest is to be queued again.
func (l *link) wreckLocked(f *flying, verdicts []verdict, again []task) ([]verdict, []task) {
	var buffer []byte
	verdicts, err := l.harvestLocked(f, verdicts, &buffer)
	r := f.run
	begun := r.end // of a worker that has corrupted its memory, everything may have begun
	if w, lookErr := r.look(); err == nil && lookErr == nil {
		begun = w.begun()
	}
	if begun > r.settled {
		lost := f.between(r.settled, begun)
		verdicts = append(verdicts, verdict{task: lost, outcome: l.loseLocked(lost)})
	}
	if begun < r.end {
		again = append(again, f.between(begun, r.end))
	}
	return verdicts, again
}
