package pool

import (
	stdsync "sync"
	"sync/atomic"
)

// serving is this process's worker, if it is one.
var serving atomic.Pointer[worker]

// reports is the worker's end of progress: what its task has reported. The link reads it in progress_link.go.
type reports struct {
	unsent atomic.Bool // there may be a report that is to precede the next answer

	mu   stdsync.Mutex // guards the fields below
	last report
	task *taskContext // whose report it is
}

// report makes p the latest report, if c is the task that runs, and wakes the link when that wants to know at once.
func (w *worker) report(c *taskContext, p Progress) {
	if !w.keepReport(c, p) {
		return
	}
	w.knock(w.shared.word(wordWantReport))
}

func (w *worker) keepReport(c *taskContext, p Progress) bool {
	p.Message = cutMessage(p.Message)
	w.reports.mu.Lock()
	defer w.reports.mu.Unlock()
	if w.current.Load() != c {
		return false
	}
	w.reports.task = c
	w.reports.last = report{count: w.reports.last.count + 1, sequence: c.sequence, Progress: p}
	w.shared.putReport(&w.reports.last)
	w.reports.unsent.Store(true)
	return true
}

// knock wakes the link's listener if the word says that it waits for what has come. It does not wait: no second knock goes
// out before the link has taken the first, which then looks at everything.
func (w *worker) knock(wanted *atomic.Uint64) {
	if wanted.Load() == 1 && wanted.CompareAndSwap(1, 0) && w.shared.word(wordKnocking).CompareAndSwap(0, 1) {
		_ = w.child.Knock() // a link that is gone wants nothing
	}
}

// answerReport sends a task's latest report before its answer, so that it cannot be missed: the places in the shared memory
// belong to the next task soon.
func (w *worker) answerReport() error {
	w.reports.mu.Lock()
	w.reports.unsent.Store(false)
	own := w.reports.task == w.current.Load()
	var encoded []byte
	if own {
		encoded = appendReport(nil, &w.reports.last)
	}
	w.reports.task = nil
	w.reports.mu.Unlock()
	if !own {
		return nil // it came from what an earlier task had left behind
	}
	room, err := w.results.reserve(len(encoded), resultReport)
	if room == nil && err == nil {
		room, err = w.awaitReserve(len(encoded), resultReport)
	}
	if err != nil {
		return err
	}
	copy(room, encoded)
	w.results.publish()
	return nil
}
