package pool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

const workerRole = "pool.worker"

func init() {
	spawn.RegisterRole(workerRole, work)
	wire.RegisterError("multiproc/pool.ErrTaskTooLarge", ErrTaskTooLarge)
}

// worker is a worker process's end of the conversation with its pool: it runs one task at a time, in the
// order in which they were sent. link is the other end.
type worker struct {
	ctx     context.Context // the process's
	shared  *shared
	tasks   ringReader
	results ringWriter
	data    *wire.Conn
	child   *spawn.Child
	largest int64
	arena   *arena // for large payloads; nil for none
	sending landing
	apart   apart
	ballast ballast

	sequence uint64 // of the next record
	output   []byte // the encoded result
	early    []byte // a large argument that came before its record was looked at
	patience wire.Patience
	linger   wire.Patience
	bulky    bool // the last task had a large argument or result
	litter   litter
	running  int    // while user code runs in loop's goroutine: the size of its record, else 0
	batch    *batch // the run that is under way, if one is
	stint    stint

	reports reports

	current  atomic.Pointer[taskContext]
	stopping atomic.Bool // no more tasks are begun
}

// work is the worker's role.
func work(ctx context.Context, c *spawn.Child) error {
	var s setup
	if _, err := s.UnmarshalMsg(c.Argument); err != nil {
		return fmt.Errorf("pool: cannot read the worker's set-up: %w", err)
	}
	functions.seal()
	if !bytes.Equal(s.Functions, functions.digest[:]) {
		return errors.New("pool: the worker knows other functions than its parent: Register must not depend on the environment, flags or files")
	}
	w, err := newWorker(ctx, c.Files[:min(len(c.Files), ownFiles)], s.MaxPayload)
	if err != nil {
		return err
	}
	w.child = c
	serving.Store(w)
	more := c.Files[min(len(c.Files), ownFiles):]
	if s.Logs {
		own := min(1, len(more))
		if err := w.forwardLogs(more[:own], slog.Level(s.LogLevel)); err != nil {
			return err
		}
	}
	if err := initialize(ctx, &s, c.Leave); err != nil {
		return err
	}
	c.Orders = w.obey
	if err := c.Hello(""); err != nil {
		return err
	}
	context.AfterFunc(ctx, w.stop)
	freeThread()
	return w.run(c.Leave)
}

// mostLocks is how many packages may have locked the main goroutine to its thread while they were initialised.
const mostLocks = 64

// freeThread unlocks the main goroutine, which tasks would otherwise wait for: it takes changes of threads to wake one that is
// locked. Locks are counted, and nothing tells how many there are; to unlock what is not locked does nothing.
func freeThread() {
	for range mostLocks {
		runtime.UnlockOSThread()
	}
}

// ownFiles is how many files a worker has for its conversation with the link. One more may be for log records.
const ownFiles = 2

func newWorker(ctx context.Context, files []*os.File, largest int64) (*worker, error) {
	if len(files) != ownFiles {
		return nil, fmt.Errorf("pool: the worker was given %d files, not %d", len(files), ownFiles)
	}
	s, large, err := mapShared(files[1])
	if err != nil {
		return nil, joinClose(err, files...)
	}
	w := &worker{
		linger:  lingering,
		ballast: ballast{idle: func() bool { return s.word(wordWorkerSleeps).Load() == 1 }, allowed: memoryAllowed},
		ctx:     ctx, shared: s, arena: large, largest: largest,
		tasks:   ringReader{ring: s.tasks(), tail: s.word(wordTaskTail), head: s.word(wordTaskHead)},
		results: ringWriter{ring: s.results(), tail: s.word(wordResultTail), head: s.word(wordResultHead)},
	}
	if w.data, _, err = connect(files[0], frameLimit(largest)); err != nil {
		return nil, err
	}
	return w, files[1].Close()
}

// stop ends the worker: it begins no more tasks, and the context of the one that runs is cancelled. It is called when
// the process's context ends.
func (w *worker) stop() {
	w.stopping.Store(true)
	if c := w.current.Load(); c != nil {
		c.cancel()
	}
	_ = w.data.NetConn().SetReadDeadline(time.Now())
}

// obey carries out an order of the parent.
func (w *worker) obey(message []byte) {
	var o order
	if _, err := o.UnmarshalMsg(message); err != nil {
		return // same binary at both ends: this is not to be expected
	}
	if c := w.current.Load(); c != nil && c.sequence == o.Cancel {
		c.cancel()
	}
}

// run runs tasks until the worker is stopped, on the main goroutine: its stack has grown while packages were initialised,
// and that of another would have to, for each worker. A task that ends its goroutine, by runtime.Goexit, fails alone:
// another goroutine goes on, while this one waits, and leaves. It must not end, since what its callers have deferred, the
// program's main among them, is not meant for a worker that goes on.
func (w *worker) run(leave func(error)) error {
	defer func() {
		exited, err := w.exited()
		if exited && err == nil {
			ended := make(chan error, 1)
			go w.runOn(ended)
			err = <-ended
		}
		if exited {
			leave(err)
		}
	}()
	return w.loop()
}

// runOn is run in another goroutine.
func (w *worker) runOn(ended chan<- error) {
	defer func() {
		switch exited, err := w.exited(); {
		case err != nil:
			ended <- err
		case exited:
			go w.runOn(ended)
		}
	}()
	ended <- w.loop()
}

// exited reports whether a task is ending its goroutine, which is its outcome then.
func (w *worker) exited() (bool, error) {
	switch {
	case w.batch != nil:
		w.batch.exited()
		return true, nil
	case w.running > 0:
		w.ran()
		return true, w.answerError(errGoexited)
	}
	return false, nil
}

// loop takes records from the ring, one by one.
func (w *worker) loop() error {
	if w.batch != nil {
		if err := w.resume(); err != nil {
			return err
		}
	}
	for !w.stopping.Load() {
		span, err := w.tasks.span()
		if err != nil {
			return err
		}
		if len(span) == 0 {
			if !w.await() {
				return nil
			}
			continue
		}
		r, ok, err := firstRecord(span)
		if err != nil {
			return err
		}
		if !ok {
			continue // a skip: span passes over it
		}
		if err := w.take(r); err != nil {
			return err
		}
	}
	return nil
}

// take claims the task of a record, unless it was recalled, and runs it.
func (w *worker) take(r record) error {
	if r.meta&flagRun != 0 {
		return w.takeRun(r)
	}
	arg, deadline := r.payload, time.Duration(0)
	if r.meta&flagDeadline != 0 {
		if len(arg) < deadlineSize {
			return errCorrupt
		}
		deadline, arg = time.Duration(binary.NativeEndian.Uint64(arg)), arg[deadlineSize:]
	}
	parent := w.ctx
	if r.meta&flagTrace != 0 {
		var err error
		if parent, arg, err = cutTrace(parent, arg); err != nil {
			return err
		}
	}
	repeats := int32(0)
	if r.meta&flagAgain != 0 {
		if len(arg) < attemptSize {
			return errCorrupt
		}
		repeats, arg = int32(binary.NativeEndian.Uint64(arg)-1), arg[attemptSize:]
	}
	w.bulky = r.meta&(flagArena|flagLarge) != 0
	if r.meta&flagArena != 0 {
		followed := w.isFollowed(r.size)
		w.ballast.use(followed)
		var err error
		if arg, err = w.largeArgument(arg, followed); err != nil {
			return err
		}
	}
	if r.meta&flagLarge != 0 {
		var err error
		if arg, err = w.readLarge(); err != nil {
			if w.stopping.Load() {
				return nil
			}
			return err
		}
	}
	c := &taskContext{parent: parent, sequence: w.sequence, function: r.meta & functionMask, repeats: repeats}
	w.current.Store(c) // before the claim, so that whoever sees that can cancel
	if w.stopping.Load() {
		return nil
	}
	claimed := w.shared.claim(w.sequence)
	w.sequence++
	if !claimed {
		w.tasks.release(r.size)
		return w.answer(nil, resultRecalled)
	}
	if r.meta&flagTimed != 0 || w.stint.woken {
		w.noteClaim()
	}
	w.stint.tasks++
	if deadline > 0 {
		c.deadline = time.Now().Add(deadline)
	}
	return w.perform(c, r, arg)
}

// perform runs a claimed task and answers.
func (w *worker) perform(c *taskContext, r record, arg []byte) error {
	defer c.end()
	e := functions.lookup(r.meta & functionMask)
	if e == nil {
		w.tasks.release(r.size)
		return w.answerError(errors.New("pool: the worker does not know the function"))
	}
	if e.takes {
		w.litter.look(arg)
	}
	w.running = r.size
	output, raw, err := e.run(c, arg, w.output[:0])
	w.ran()
	if err != nil && w.ctx.Err() != nil {
		return w.interrupted(e)
	}
	if err != nil {
		return w.answerError(err)
	}
	if e.holds {
		w.litter.look(output)
	}
	if raw && int64(len(output)) <= w.largest-wire.BytesHeader {
		return w.answerBytes(output)
	}
	w.output = output
	if raw || int64(len(output)) > w.largest {
		w.output = nil
		discardResult(e, output)
		return w.answerError(fmt.Errorf("%w: %s: the result is %d bytes, MaxPayload is %d", ErrTaskTooLarge, e.name, len(output), w.largest))
	}
	err = w.answer(output, resultValue)
	if cap(w.output) > keepOutput {
		w.output = nil
	}
	return err
}

// interrupted ends a worker that was told to go while its task ran, and made the task fail by that. It gives no
// answer: the parent knows whether it wanted that, and if not, the task is lost.
func (w *worker) interrupted(e *entry) error {
	return fmt.Errorf("pool: the worker was told to end while it ran %s: %w", e.name, context.Cause(w.ctx))
}

// ran gives back the record of the task whose function has ended.
func (w *worker) ran() {
	w.tasks.release(w.running)
	w.running = 0
}

// keepOutput is the largest buffer, in bytes, that is kept for the next result.
const keepOutput = 1 << 20

func (w *worker) answerError(err error) error {
	return w.answer(wire.AppendError(nil, err), resultError)
}

// readLarge reads the payload of a record that announced one.
func (w *worker) readLarge() ([]byte, error) {
	if w.early != nil {
		payload := w.early
		w.early = nil
		return payload, nil
	}
	for {
		frame, err := w.data.ReadFrame(nil)
		if err != nil || len(frame) > 0 {
			return frame, err
		}
	}
}
