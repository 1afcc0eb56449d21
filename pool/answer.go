package pool

import (
	"errors"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// answer publishes what became of a task. From then on the link finds it, whatever happens to this process.
func (w *worker) answer(payload []byte, kind uint32) error {
	if len(payload) > w.results.largest() {
		if told, err := w.land(nil, payload, kind); told || err != nil {
			return err
		}
	}
	return w.send(nil, payload, kind)
}

// send publishes a result by the ring, or if it is large as a frame: of a head, which a small one must not have, and a body.
func (w *worker) send(head, payload []byte, kind uint32) error {
	large := len(payload) > w.results.largest()
	size := len(payload)
	if large {
		size, kind = 0, kind|resultLarge
	}
	if w.reports.unsent.Load() {
		if err := w.answerReport(); err != nil {
			return err
		}
	}
	room, err := w.results.reserve(size, kind)
	if room == nil && err == nil {
		room, err = w.awaitReserve(size, kind)
	}
	if err != nil {
		return err
	}
	if !large {
		copy(room, payload)
	}
	w.results.publish()
	if err := w.ring(); err != nil || !large {
		return err
	}
	return w.data.WriteFrame(head, payload)
}

// awaitReserve returns room in the results ring, when there is some.
func (w *worker) awaitReserve(size int, kind uint32) (room []byte, err error) {
	for wait := time.Duration(0); room == nil && err == nil; {
		if wait, err = w.awaitRoom(wait); err == nil {
			room, err = w.results.reserve(size, kind)
		}
	}
	return room, err
}

// ring wakes the link if it sleeps.
func (w *worker) ring() error {
	if w.shared.word(wordLinkSleeps).CompareAndSwap(1, 0) {
		return w.data.WriteFrame()
	}
	return nil
}

// errStopped ends a worker whose parent is gone or wants no more.
var errStopped = errors.New("pool: the worker was stopped")

// awaitRoom waits a little for the link to take results: longer each time, up to a millisecond.
func (w *worker) awaitRoom(wait time.Duration) (time.Duration, error) {
	if err := w.ring(); err != nil {
		return 0, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ctx.Done():
		return 0, errStopped
	}
	return min(2*wait+10*time.Microsecond, time.Millisecond), nil
}

// await returns when there may be a task, or with false when the worker is to end. It looks for a while before
// it sleeps, if that has been worth it lately.
func (w *worker) await() bool {
	w.endStint()
	ready := func() bool { return !w.tasks.empty() || w.stopping.Load() }
	if w.patience.Await(ready) || w.bulky && w.linger.Await(ready) {
		return true
	}
	sleeps := w.shared.word(wordWorkerSleeps)
	sleeps.Store(1)
	defer sleeps.Store(0)
	if !w.tasks.empty() {
		return true
	}
	w.patience.Sleep()
	w.linger.Sleep()
	leave := w.litter.idle()
	frame, err := w.data.ReadFrame(nil)
	leave()
	w.patience.Woke()
	w.linger.Woke()
	w.stint.woken = true
	if len(frame) > 0 {
		w.early = frame
	}
	return err == nil
}

// lingering is patience with large payloads: one end copies for longer than a wake takes while the other has nothing to do,
// and who is woken often gets the processor of who has woken him, and waits for that.
var lingering = wire.Patience{Limit: 300 * time.Microsecond}
