package pool

import (
	"errors"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// listenLocked has what the worker says besides its answers looked at as it comes: reports of progress, and log records.
func (l *link) listenLocked() {
	if !l.listening {
		l.listening = true
		l.goroutines.Go(l.listen)
	}
}

// listenNap is how long what a worker says is let gather: it bounds how often a worker has to knock.
const listenNap = time.Millisecond

// listen takes the worker's knocks until it is gone.
func (l *link) listen() {
	nap := time.NewTimer(0)
	defer nap.Stop()
	wanted, knocking := l.shared.word(wordWantReport), l.shared.word(wordKnocking)
	for {
		known := l.hear()
		wanted.Store(1)
		if l.shared.word(wordReports).Load() == known || !wanted.CompareAndSwap(1, 0) {
			if err := l.process.AwaitKnock(); err != nil {
				if errors.Is(err, wire.ErrFrameTooLarge) || errors.Is(err, wire.ErrBadFrame) {
					l.blame(err)
				}
				return
			}
			knocking.Store(0) // before it looks at what there is
		}
		if l.logs != nil {
			l.logs.ring()
		}
		nap.Reset(listenNap)
		select {
		case <-nap.C:
		case <-l.process.Done():
		}
	}
}

// hear hands the latest report on, and returns which it is. Of a worker that was buried there is none, and its memory may be
// gone.
func (l *link) hear() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.buried {
		l.hearLocked()
	}
	return l.heard
}

// hearLocked hands the latest report on to the job of its task, unless that has ended. It does so before the task can be taken
// out of flight, so that no report comes after an outcome.
func (l *link) hearLocked() {
	r, ok := l.shared.latestReport(l.heard)
	if !ok {
		return
	}
	l.heard = r.count
	if f := l.flyingLocked(r.sequence); f != nil {
		f.job.report(l, f.index, &r)
	}
}

// flyingLocked returns a task in flight that the worker has begun, nil if it is none.
func (l *link) flyingLocked(sequence uint64) *flying {
	if sequence-l.base >= uint64(l.flight.len()) || !l.shared.claimed(sequence) {
		return nil
	}
	if f := l.flight.at(int(sequence - l.base)); !f.recalled {
		return f
	}
	return nil
}

// progressLocked returns the latest report of the first task in flight.
func (l *link) progressLocked() Progress {
	if r, ok := l.shared.latestReport(0); ok && r.sequence == l.base {
		return r.Progress
	}
	return Progress{}
}

// hear hands on what the workers have reported last.
func (p *Pool) hear() {
	for _, s := range p.allSeats() {
		if l := s.link.Load(); l != nil {
			l.hear()
		}
	}
}
