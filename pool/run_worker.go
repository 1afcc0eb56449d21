package pool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/multiproc-go/multiproc/wire"
)

// batch is a run in its worker. sentRun is the other end.
//
// A task whose result is not published is open. Publishing it and claiming the next is one step, so at every moment the
// link knows of one task at most that it has begun and not ended.
type batch struct {
	worker *worker
	entry  *entry
	record int // bytes of its record
	word   *atomic.Uint64
	seen   runWord // the word, when last changed or looked at
	args   []byte  // of the tasks that have not begun
	room   []byte  // for results
	used   int     // bytes of room that hold results
	usedAt *uint32 // where that is written for the link
	sleeps *atomic.Uint64

	context  *taskContext
	open     bool
	finished bool // next claims no more
	answer   uint32
	spill    []byte // the result of the open task, when it does not fit
	fault    error  // ends the worker
}

// takeRun runs the tasks of a run's record.
func (w *worker) takeRun(r record) error {
	e := functions.lookup(r.meta & functionMask)
	if len(r.payload) < runHeader || e == nil {
		return errCorrupt
	}
	number := binary.NativeEndian.Uint32(r.payload)
	blk := w.shared.block(number)
	b := &batch{
		worker: w, entry: e, record: r.size, word: blk.word(), args: r.payload[runHeader:],
		room: blk.results(), usedAt: blk.used(), sleeps: w.shared.word(wordLinkSleeps), answer: resultRun,
		context: &taskContext{parent: w.ctx, sequence: w.sequence, function: r.meta & functionMask},
	}
	b.seen = runWord(b.word.Load())
	w.sequence++
	w.current.Store(b.context) // before a claim, so that whoever sees that can cancel
	w.noteClaim()
	w.batch = b
	return w.resume()
}

// resume runs what is left of a run, and answers.
func (w *worker) resume() error {
	b := w.batch
	for !b.finished {
		b.entry.runAll(b) // returns early after a panic
	}
	w.batch = nil
	w.stint.tasks += uint64(b.seen.begun())
	w.tasks.release(b.record)
	b.context.end()
	if b.fault != nil || w.stopping.Load() && b.spill == nil && b.seen.begun() < b.seen.end() {
		return b.fault
	}
	return w.answer(b.spill, b.answer)
}

// next publishes the result of the open task, if there is one, and claims the next. It is false when there is none, or
// none is wanted.
func (b *batch) next() bool {
	if b.finished {
		return false
	}
	if b.context.touched.Load() {
		b.renew()
	}
	done := runWord(0)
	if b.open {
		done = oneEnded
	}
	for {
		now := b.seen + done
		more := now.begun() < now.end() && !b.worker.stopping.Load()
		if more {
			now += oneBegun
		}
		if now == b.seen || b.word.CompareAndSwap(uint64(b.seen), uint64(now)) {
			b.seen, b.open, b.finished = now, more, !more
			break
		}
		b.seen = runWord(b.word.Load())
	}
	if done != 0 && b.sleeps.Load() == 1 && b.open {
		if err := b.worker.ring(); err != nil {
			b.fault, b.finished = err, true
			return false
		}
	}
	return b.open
}

// renew gives the tasks to come another context, and ends the one that a task has kept hold of.
func (b *batch) renew() {
	used := b.context
	b.context = &taskContext{parent: used.parent, sequence: used.sequence, function: used.function}
	b.worker.current.Store(b.context)
	used.end()
}

// argument returns the argument of the task that was claimed, encoded.
func (b *batch) argument() ([]byte, error) {
	element, rest, _, err := b.entry.argPacking.cut(b.args)
	b.args = rest
	return element, err
}

// space is where the result of the open task is encoded: room for its length, and then what is appended.
func (b *batch) space() []byte {
	end := min(b.used+markSize, len(b.room))
	return b.room[:end]
}

// succeed takes the value of the open task, which was appended to space.
func (b *batch) succeed(out []byte, err error) {
	start := min(b.used+markSize, len(b.room))
	switch size := len(out) - start; {
	case err != nil:
		b.fail(fmt.Errorf("pool: the worker cannot encode the result: %w", err))
	case int64(size) > b.worker.largest:
		b.fail(fmt.Errorf("%w: %s: the result is %d bytes, MaxPayload is %d", ErrTaskTooLarge, b.entry.name, size, b.worker.largest))
	case b.entry.resultPacking == 0 && size <= longest && start == b.used+markSize && len(out) <= len(b.room) && unsafe.SliceData(out) == unsafe.SliceData(b.room):
		b.room[b.used] = byte(size)
		b.used = len(out)
		*b.usedAt = uint32(b.used)
	default:
		b.place(out[start:], markLong, resultSpill)
	}
}

// fail takes the error of the open task.
func (b *batch) fail(err error) {
	if b.worker.ctx.Err() != nil {
		b.fault, b.finished = b.worker.interrupted(b.entry), true
		return
	}
	b.place(wire.AppendError(nil, err), markError, resultFault)
}

// place puts what became of the open task behind the results, or has it come with the answer if there is no room.
func (b *batch) place(payload []byte, mark byte, kind uint32) {
	end := b.used + longMarkSize + len(payload)
	if end > len(b.room) || b.entry.resultPacking > 0 {
		b.spill, b.answer, b.finished = payload, kind, true
		return
	}
	copy(b.room[b.used+longMarkSize:], payload)
	b.room[b.used] = mark
	binary.NativeEndian.PutUint32(b.room[b.used+markSize:], uint32(len(payload)))
	b.used = end
	*b.usedAt = uint32(end)
}

// exited takes it that the open task has ended its goroutine.
func (b *batch) exited() { b.fail(errGoexited) }

var errGoexited = errors.New("pool: the task ended its goroutine by runtime.Goexit")
