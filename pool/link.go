package pool

import (
	"encoding/binary"
	"log/slog"
	"os"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// link is the parent's end of the conversation with one worker process: it sends tasks, takes results, and
// knows of every task under way whether the worker has begun it. worker is the other end.
//
// Locks are taken in the order link.mu, pool.mu. Nothing is written to or read from a socket under either.
type link struct {
	pool       *Pool
	process    *spawn.Process
	shared     *shared
	arena      *arena // for large payloads; nil for none
	large      uint64 // results in the arena that were taken, and those whose settling the worker was told; of serve alone
	largeTold  uint64
	largeSeen  uint64 // how many had been taken when it last waited
	linger     wire.Patience
	data       *wire.Conn    // doorbells (empty frames) and large payloads, both ways
	moved      *meter        // counts the bytes of data
	patience   time.Duration // how long the worker may make no progress without running a task
	results    ringReader    // read by serve alone, as are the nine below
	scratch    []byte
	answers    []answer
	verdicts   []verdict
	napped     bool              // since results were taken last
	lapse      int64             // for how long it is kept from looking, lately
	paced      uint64            // ended when paceLocked looked last
	packed     []byte            // results of runs
	held       []verdict         // of tasks that may be run again, once nothing is left of the worker
	early      []byte            // a large payload that came before its record was looked at
	reported   *report           // a report whose task's answer is yet to come
	unreadable error             // why the data connection must not be read any more
	goroutines stdsync.WaitGroup // that may use the memory
	endings    stdsync.WaitGroup // those that end the process, until nothing is left of it
	group      *cgroup           // the worker's own, or nil
	logs       *logs             // nil unless log records are forwarded
	measured   measurement       // of the memory sampler alone
	timer      *time.Timer       // calls tick
	trimmer    *time.Timer       // calls trim
	expires    int64             // clock when the worker is to be replaced; 0: never
	seat       *seat             // nil while the worker is a spare; set before it gets tasks
	taken      chan struct{}     // closed when a spare has got a seat
	vacated    chan struct{}     // closed when the seat may be given to another
	vacating   stdsync.Once

	parked atomic.Bool // serve waits for the worker to ring

	idle      bool  // in the pool's list of idle links; guarded by pool.mu
	idleSince int64 // clock when it got there, where that matters; guarded by pool.mu

	mu           stdsync.Mutex // guards the fields below
	tasks        ringWriter
	placed       []placement   // tasks taken from the queue, on their way into the ring
	flight       deque[flying] // tasks in the ring or begun, in order
	base         uint64        // sequence number of the first of them
	target       int           // how many tasks may be in flight
	usual        int           // how many a link may send ahead that is not kept from looking
	aloft        int           // tasks in flight, with those in runs that have not ended
	runs         [runBlocks]sentRun
	runsPlaced   uint32 // how many runs were taken from the queue, were sent, and are over
	runsLaunched uint32
	runsOver     uint32
	trimming     bool      // the arena gives memory back
	settling     bool      // results in the arena are being settled
	trimArmed    bool      // trimmer is to call trim
	shippedAt    int64     // clock when the arena was used last
	outgoing     pieces    // of the arena's half for arguments
	again        []task    // of runs that ended early, to be queued again
	sent         int       // tasks sent and not recalled, for MaxTasksPerChild
	ended        uint64    // tasks whose outcome came from this worker
	since        int64     // clock when results last came, or when the flight was empty
	fresh        bool      // nothing has come since the flight was empty
	streaming    bool      // a large argument is being written
	condemned    *sentence // what is done about a task that must end
	leaving      bool      // no more tasks are sent
	due          ExitCause // why the worker is to be replaced, once it has a successor
	ousted       ExitCause // why the worker ends with its task
	dismissed    bool      // the worker was told to go, before it went
	retiring     ExitCause // why no more tasks are sent, and the worker leaves when it has run what it has begun
	buried       bool      // the worker is gone and everything is settled
	armed        int64     // clock when timer calls tick; 0: never
	watched      uint64    // place of the first of the flight and tasks ended, and bytes moved on the data connection, when tick last saw a change
	watchedBytes int64
	watchedSince int64       // clock then
	receiving    bool        // a large result is being read
	charged      bool        // a task failed because the worker used too much memory
	victim       []slog.Attr // names the task that ended with the worker
	fault        error       // why the pool itself ended the worker

	listening bool   // listen runs
	heard     uint64 // which of the worker's reports was handed on last
}

// flying is a task in flight. One that was recalled belongs to the link no more; its record is still to be
// passed over by the worker.
type flying struct {
	task
	recalled bool
	piece    piece    // of the arena, with its argument
	run      *sentRun // of a run, whose outcomes come bit by bit; recalled when none is to come
}

// placement is a task and its place in the ring.
type placement struct {
	task
	room    []byte
	large   bool
	attempt int
	piece   piece // instead: of the arena
}

func newLink(p *Pool, process *spawn.Process, s *shared, a *arena, data *os.File) (*link, error) {
	l := &link{
		pool: p, process: process, shared: s, arena: a, target: 1, usual: 1, patience: max(p.options.Grace, stallTime), linger: lingering,
		taken: make(chan struct{}), vacated: make(chan struct{}),
		tasks:   ringWriter{ring: s.tasks(), tail: s.word(wordTaskTail), head: s.word(wordTaskHead)},
		results: ringReader{ring: s.results(), tail: s.word(wordResultTail), head: s.word(wordResultHead)},
	}
	var err error
	if l.data, l.moved, err = connect(data, frameLimit(p.options.MaxPayload)); err != nil {
		return nil, err
	}
	if d := p.options.lifespan(); d > 0 {
		l.expires = clock() + int64(d)
	}
	l.timer = time.AfterFunc(time.Hour, l.tick)
	l.timer.Stop()
	l.trimmer = time.AfterFunc(time.Hour, l.trim)
	l.trimmer.Stop()
	return l, nil
}

// fill sends what waits in the queue, as far as the link may send ahead. A link that takes nothing has been
// found idle, or will look again by itself.
func (l *link) fill() {
	for more := true; more; {
		l.mu.Lock()
		more = l.sendUnlock()
	}
}

// fillBehind is fill for one large task, behind so many in flight. It does not wait for one that is being sent. It reports whether
// it has sent one.
func (l *link) fillBehind(aloft int) bool {
	switch {
	case !l.mu.TryLock():
	case l.aloft != aloft || l.due != "":
		l.mu.Unlock()
	default:
		return l.sendUnlock()
	}
	return false
}

// sendUnlock is sendLocked where tasks may be sent, unlocks mu, and wakes the worker. It reports whether to call it again.
func (l *link) sendUnlock() (more bool) {
	wake := false
	if !l.leaving && l.retiring == "" && !l.streaming && !l.trimming && l.condemned == nil && l.fault == nil {
		wake, more = l.sendLocked()
	}
	l.mu.Unlock()
	if wake {
		_ = l.data.WriteFrame() // a worker that is gone is noticed by serve
	}
	return more
}

// sendLocked moves tasks from the queue into the ring, the last of which alone may be large, as the worker begins that one
// while the next is copied. It reports whether the worker must be woken, and whether to call it again.
func (l *link) sendLocked() (wake, more bool) {
	room, spare := l.target-l.aloft, 2-l.aloft
	if most := l.pool.options.MaxTasksPerChild; most > 0 {
		room, spare = min(room, most-l.sent), min(spare, most-l.sent)
	}
	if room <= 0 && spare <= 0 {
		return false, false
	}
	if err := l.pool.take(l, room, spare); err != nil {
		l.blameLocked(err)
	}
	if len(l.placed) == 0 {
		return false, false
	}
	if l.flight.len() == 0 {
		l.since, l.fresh = clock(), true
		l.watched, l.watchedSince = l.base+l.ended, l.since
	}
	for _, t := range l.placed {
		l.sent += t.count()
		l.aloft += t.count()
		if t.task.run > 0 {
			l.shared.send(l.base + uint64(l.flight.len()))
			l.flight.pushBack(flying{task: t.task, run: l.launchLocked(t.task, t.room)})
			continue
		}
		if t.job.hooked() {
			l.listenLocked()
		}
		if t.job.timeout > 0 {
			binary.NativeEndian.PutUint64(t.room, uint64(t.job.timeout))
			t.room = t.room[deadlineSize:]
		}
		if trace := t.job.trace(); trace != nil {
			t.room = t.room[putTrace(t.room, trace):]
		}
		if t.attempt > 1 {
			binary.NativeEndian.PutUint64(t.room, uint64(t.attempt))
			t.room = t.room[attemptSize:]
		}
		switch {
		case t.piece.size > 0:
			l.shared.word(wordLinkRuns).Store(l.runsOnLocked(t.job))
			l.ship(t)
			more = true
		case t.large:
			l.streaming = true
			arg := t.encoded()
			l.goroutines.Go(func() { l.stream(arg) })
		default:
			copy(t.room, t.arg)
		}
		l.shared.send(l.base + uint64(l.flight.len()))
		l.flight.pushBack(flying{task: t.task, piece: t.piece})
	}
	if most := l.pool.options.MaxTasksPerChild; most > 0 && l.sent >= most {
		l.expectLocked(ExitTasks)
	}
	clear(l.placed)
	l.placed = l.placed[:0]
	l.tasks.publish()
	l.armLocked(tickEvery)
	// What is streamed wakes the worker too, and a doorbell would have to wait behind it.
	return !l.streaming && l.shared.word(wordWorkerSleeps).CompareAndSwap(1, 0), more
}

// stream writes a large argument, behind the record that announces it. The worker reads it when it has come to its record.
func (l *link) stream(arg []byte) {
	_ = l.data.WriteFrame(arg) // a worker that is gone is noticed by serve
	l.mu.Lock()
	l.streaming = false
	l.mu.Unlock()
	l.fill()
}

// take moves up to room tasks, or to spare where they are large, from the queue to l.placed, with their places in the ring. A link that has
// nothing to do and finds nothing is kept among the idle ones. It is called with l.mu held.
func (p *Pool) take(l *link, room, spare int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.target > l.usual {
		room = p.roomLocked(l, room)
	}
	for p.queue.len() > 0 && l.flight.len()+len(l.placed) < maxAhead {
		if p.queue.at(0).job.withdrawn {
			p.popLocked()
			continue
		}
		if room <= 0 && (spare <= 0 || !l.isSecond(p.queue.at(0))) {
			break
		}
		t, rest, ok := l.portion(p.queue.at(0), room)
		if !ok {
			break
		}
		large := l.isLarge(&t)
		if large && l.isAhead() {
			break
		}
		at, shipped := piece{}, false
		if large {
			at, shipped = l.berth(&t)
		}
		if large && !shipped && l.flight.len()+len(l.placed) > 0 || !shipped && room <= 0 {
			break // it is sent to a worker that will read it at once
		}
		attempt := t.job.attempt(t.index)
		place, err := l.tasks.reserve(l.recordOf(&t, large, shipped, attempt))
		if err != nil {
			return err
		}
		if place == nil {
			l.outgoing.give(at)
		}
		if place == nil && l.flight.len()+len(l.placed) == 0 {
			return errCorrupt // everything was answered, so the ring must be empty
		}
		if place == nil {
			break
		}
		p.shiftLocked(rest)
		p.inflight += t.count()
		room -= t.count()
		spare -= t.count()
		if t.run > 0 {
			l.runsPlaced++
		}
		l.placed = append(l.placed, placement{task: t, room: place, large: large, attempt: attempt, piece: at})
		if large {
			break
		}
	}
	p.grantLocked()
	if l.flight.len()+len(l.placed) == 0 && !l.idle {
		l.idle = true
		p.idle = append(p.idle, l)
		if p.options.IdleTimeout > 0 {
			l.idleSince = clock()
		}
	}
	return nil
}

// recordOf returns the payload size and the meta word of a task's record.
func (l *link) recordOf(t *task, large, shipped bool, attempt int) (size int, meta uint32) {
	meta = t.job.entry.index
	if t.run > 0 {
		return runHeader + len(t.arg), meta | flagRun
	}
	switch {
	case shipped:
		size, meta = pieceSize, meta|flagArena
	case large:
		meta |= flagLarge
	default:
		size = len(t.arg)
	}
	if trace := t.job.trace(); trace != nil {
		size, meta = size+traceRoom(trace), meta|flagTrace
	}
	if attempt > 1 {
		size, meta = size+attemptSize, meta|flagAgain
	}
	if t.job.timeout > 0 {
		return size + deadlineSize, meta | flagTimed | flagDeadline
	}
	if l.target <= timedBelow {
		meta |= flagTimed
	}
	return size, meta
}

// recallLocked takes back the tasks in flight from the i-th on that the worker has not begun.
func (l *link) recallLocked(from int, wanted func(task) bool) []task {
	var recalled []task
	for i := from; i < l.flight.len(); i++ {
		f := l.flight.at(i)
		if f.recalled || wanted != nil && !wanted(f.task) {
			continue
		}
		if f.run != nil {
			if back, ok := l.recallRunLocked(f); ok {
				recalled = append(recalled, back)
			}
			continue
		}
		if !l.shared.recall(l.base + uint64(i)) {
			continue
		}
		f.recalled = true
		recalled = append(recalled, f.task)
		f.task = task{}
	}
	l.sent -= tally(recalled)
	return recalled
}

// stats describes the worker.
func (l *link) stats() WorkerStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := WorkerStats{PID: l.process.PID(), State: Idle, TasksDone: l.ended}
	for i := range l.flight.len() {
		f := l.flight.at(i)
		if f.recalled {
			continue // it runs elsewhere
		}
		s.State, s.Function = Busy, f.job.entry.name
		if i == 0 && l.begunLocked(f, l.base) {
			s.Age = max(0, time.Duration(clock()-l.claimedAtLocked()))
			s.Progress = l.progressLocked()
		}
		break
	}
	if l.leaving || l.retiring != "" || l.condemned != nil {
		s.State = Leaving
	}
	return s
}
