package pool

import (
	"errors"
	"fmt"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// answer is a record of a worker: what became of the first task in flight.
type answer struct {
	kind    uint32
	payload []byte
	shared  bool    // payload lies in the arena, where the worker may change it
	report  *report // the task's last one, if it is sent along
}

// verdict is an outcome on its way to its job.
type verdict struct {
	task
	outcome        // of one task, or of each in a run
	packed  []byte // instead: what became of each in a run
	failed  int    // how many of those are errors
}

// serve takes results and sends tasks until the worker is gone. When it returns, nothing more comes.
func (l *link) serve() {
	interrupted := make(chan struct{})
	l.goroutines.Go(func() { // a grandchild may hold the worker's end open
		defer close(interrupted)
		<-l.process.Done()
		_ = l.data.NetConn().SetReadDeadline(time.Now().Add(l.pool.options.Grace))
	})
	for {
		n, err := l.drain()
		if err == nil && l.early != nil {
			err = fmt.Errorf("%w: a large result that no record announced", errCorrupt)
		}
		if err != nil {
			l.blameIfBroken(err)
			break
		}
		l.retire()
		l.fill()
		if !l.wait(n) {
			break
		}
	}
	l.awaitExit()
	<-interrupted
	_, err := l.drain() // what the worker had published is there
	l.blameIfBroken(err)
}

// blameIfBroken blames the worker for a breach of the rules. Its end is none.
func (l *link) blameIfBroken(err error) {
	if errors.Is(err, errCorrupt) || errors.Is(err, wire.ErrFrameTooLarge) {
		l.blame(err)
	}
}

// wait returns when there may be something to take, or with false when the worker is gone. While results
// come faster than one at a time it looks again after a nap, which spares the worker a system call for each. Large ones take
// longer than that call.
func (l *link) wait(taken int) bool {
	bulky := l.large != l.largeSeen
	l.largeSeen, l.napped = l.large, false
	switch {
	case bulky && l.busy() && l.linger.Await(func() bool { return !l.results.empty() }):
		return true
	case !bulky && taken > 1 && l.busy():
		return l.nap()
	}
	sleeps := l.shared.word(wordLinkSleeps)
	sleeps.Store(1)
	defer sleeps.Store(0)
	if !l.results.empty() || l.ripe() {
		return true
	}
	l.parked.Store(true)
	defer l.parked.Store(false)
	l.linger.Sleep()
	frame, err := l.readFrame()
	l.linger.Woke()
	if len(frame) > 0 {
		l.early = frame
	}
	return err == nil
}

// nap waits until results have gathered for a while. It is false when the worker is gone.
func (l *link) nap() bool {
	l.napped = true
	timer := time.NewTimer(napTime) // sooner where the program has no processor to spare for the call of the system
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-napOver():
		return true
	case <-l.process.Done():
		return false
	}
}

func (l *link) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flight.len() > 0
}

// readFrame reads from the data connection, which is of no use after an error: what follows it there may be
// the rest of a frame.
func (l *link) readFrame() ([]byte, error) {
	if l.unreadable != nil {
		return nil, l.unreadable
	}
	frame, err := l.data.ReadFrame(nil)
	if err != nil {
		l.unreadable = err
		return nil, err
	}
	return frame, nil
}

// drain takes every result that is there and hands it on. The records are copied out of the shared memory
// before they are looked at.
func (l *link) drain() (int, error) {
	total := 0
	for {
		span, err := l.results.span()
		if err != nil {
			return total, err
		}
		if len(span) == 0 {
			n, err := l.harvest()
			return total + n, err
		}
		l.collectLogs() // what the tasks logged whose results these are is there by now
		l.scratch = append(l.scratch[:0], span...)
		used, err := l.parse(l.scratch)
		if used == 0 && err == nil {
			err = errCorrupt // it was no skip a moment ago
		}
		n, matchErr := l.match()
		total += n
		l.results.release(used)
		if matchErr == nil && err == nil {
			l.feed()
		}
		l.pool.settle(l.verdicts)
		clear(l.verdicts)
		if len(l.held) > 0 {
			l.dismiss()
		}
		l.returnResults()
		l.pool.requeue(l.again)
		l.again = nil
		if err = errors.Join(matchErr, err); err != nil {
			return total, err
		}
	}
}

// feedShare is how large a part of the arena's half a result may be, for the next task to be sent before its place is free: what
// finds no room takes longer than waiting does.
const feedShare = 8

// feed sends the next task when a large result has made room for it, before that result is copied: or the worker, which takes
// as long for a task, would have run all it has when the copies of several are made. A worker that is due gets nothing so: it
// might always have the next result ready, and drain would not end before its tasks do.
func (l *link) feed() {
	if n := len(l.answers); n == 0 || !l.answers[n-1].shared || len(l.answers[n-1].payload) > len(l.arena.results)/feedShare {
		return
	}
	l.mu.Lock()
	due := l.due != ""
	l.mu.Unlock()
	if due {
		return
	}
	select {
	case <-l.process.Done(): // what it left is taken
	default:
		l.fill()
	}
}

// parse turns records into answers, and returns how many bytes they take. A large result is taken by itself, so
// that nothing waits for it.
func (l *link) parse(span []byte) (used int, err error) {
	l.answers = l.answers[:0]
	for used < len(span) {
		r, ok, err := firstRecord(span[used:])
		if err != nil || !ok {
			return used, err
		}
		if r.meta == resultReport {
			if l.reported, err = readReport(r.payload); err != nil {
				return used, err
			}
			used += r.size
			continue
		}
		if r.meta&(resultLarge|resultArena) != 0 && len(l.answers) > 0 {
			return used, nil
		}
		a := answer{kind: r.meta &^ (resultLarge | resultArena), payload: r.payload}
		if r.meta&resultArena != 0 {
			if err := l.openResult(&a); err != nil {
				return used, err
			}
		}
		if r.meta&resultLarge != 0 {
			if a.payload, err = l.readLarge(); err != nil {
				return used, err
			}
		}
		a.report, l.reported = l.reported, nil
		l.answers = append(l.answers, a)
		used += r.size
		if a.shared {
			break
		}
	}
	return used, nil
}

// readLarge reads the payload of a record that announced one. A worker that is stopped in the middle is given up by
// tick.
func (l *link) readLarge() ([]byte, error) {
	if payload := l.early; payload != nil {
		l.early = nil
		return payload, nil
	}
	l.setReceiving(true)
	defer l.setReceiving(false)
	for {
		frame, err := l.readFrame()
		if err != nil || len(frame) > 0 {
			return frame, err
		}
	}
}

func (l *link) setReceiving(receiving bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receiving = receiving
	if receiving {
		l.watchedSince = clock()
		l.armLocked(tickEvery)
	}
}

// match finds the tasks in flight that the answers are for, and makes verdicts of them, and returns how many there are.
// When an answer does not fit, those before it count.
func (l *link) match() (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verdicts, l.packed = l.verdicts[:0], l.packed[:0]
	before := l.ended
	defer func() {
		n = int(l.ended - before)
		if !l.ripeLocked() { // or there is more to come of this look
			l.paceLocked()
		}
		if l.flight.len() > 0 {
			l.armLocked(tickEvery)
		}
	}()
	for _, a := range l.answers {
		if l.flight.len() == 0 {
			return 0, fmt.Errorf("%w: a result without a task", errCorrupt)
		}
		if l.flight.at(0).run != nil {
			if err := l.overLocked(a); err != nil {
				return 0, err
			}
			continue
		}
		if l.flight.at(0).recalled != (a.kind == resultRecalled) {
			return 0, fmt.Errorf("%w: a task was passed over that was not recalled, or run though it was", errCorrupt)
		}
		if f := l.flight.at(0); a.report != nil && !f.recalled {
			f.job.report(l, f.index, a.report)
		}
		f := l.flight.popFront()
		sequence := l.base
		l.base++
		l.aloft--
		l.outgoing.give(f.piece)
		if f.recalled {
			continue
		}
		l.ended++
		a.keep(f.job)
		l.settling = l.settling || a.shared
		v := verdict{task: f.task, outcome: l.judgeLocked(sequence, f.task, a)}
		if v.kind == TimedOut && v.mayRepeat() {
			l.ousted, l.retiring = ExitTimedOut, ExitTimedOut // and gets nothing more
			l.held = append(l.held, v)                        // what it had started may go on: the worker goes first
			continue
		}
		l.verdicts = append(l.verdicts, v)
	}
	return 0, nil
}

// judgeLocked makes an outcome of an answer.
func (l *link) judgeLocked(sequence uint64, t task, a answer) outcome {
	s := l.condemned
	if s != nil && s.sequence == sequence {
		l.condemned = nil
		close(s.over)
		if s.kind == TimedOut {
			if a.kind == resultValue {
				discardResult(t.job.entry, a.payload)
			}
			return outcome{kind: TimedOut, err: s.cause}
		}
	}
	switch a.kind {
	case resultValue:
		return outcome{kind: Done, value: a.payload, shared: a.shared}
	case resultError:
		return failure(t.job, a.payload)
	}
	return outcome{kind: Failed, err: fmt.Errorf("pool: the worker answered with an unknown kind %d", a.kind)}
}

// conclude counts outcomes and hands them to their jobs.
func (p *Pool) conclude(verdicts []verdict) {
	if len(verdicts) == 0 {
		return
	}
	p.mu.Lock()
	for i := range verdicts {
		v := &verdicts[i]
		n := v.count()
		p.inflight -= n
		p.outcomes[v.kind] += uint64(n - v.failed)
		p.outcomes[Failed] += uint64(v.failed)
	}
	p.checkQuietLocked()
	p.mu.Unlock()
	for i := range verdicts {
		v := &verdicts[i]
		if v.packed != nil {
			v.job.sink.(runSink).settleRun(v.index, v.task.run, v.packed)
			continue
		}
		v.task.settle(v.outcome)
	}
}
