package pool

import "time"

// Outcome is how a task ended. Every submitted task ends in exactly one.
type Outcome uint8

// The outcomes.
const (
	Done         Outcome = iota // it returned a value
	Failed                      // it returned an error, or panicked
	Lost                        // its worker died while it ran
	TimedOut                    // it passed its deadline
	OutOfMemory                 // its worker used more memory than it may
	Cancelled                   // its caller cancelled it
	Abandoned                   // the pool was closed, or broke, before it ran to its end
	outcomeKinds = iota
)

var outcomeNames = [outcomeKinds]string{"done", "failed", "lost", "timed out", "out of memory", "cancelled", "abandoned"}

// String returns the outcome's name in lower case.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

// Stats is what a pool has done and is doing, taken at one moment: Submitted is the sum of Pending and of the
// outcomes.
type Stats struct {
	Submitted   uint64
	Pending     uint64 // waiting or running
	Waiting     uint64 // of the pending: not sent to a worker yet
	Resting     uint64 // of the pending: waiting to be run again (see Retry)
	Done        uint64
	Failed      uint64
	Lost        uint64
	TimedOut    uint64
	OutOfMemory uint64
	Cancelled   uint64
	Abandoned   uint64
	Retries     uint64          // times that a task was to be run again: no part of the sum
	Memory      MemoryMechanism // what keeps workers within MaxMemory
	LogsDropped uint64          // log records of workers that were not forwarded, because they came too fast
	Workers     []WorkerStats   // one for each worker that the pool keeps; of one that has ended, those that are not gone yet
}

// WorkerState is what a worker is doing.
type WorkerState string

// The states of a worker.
const (
	Starting WorkerState = "starting" // it has not said Hello yet, or waits to be started again
	Idle     WorkerState = "idle"
	Busy     WorkerState = "busy"
	Leaving  WorkerState = "leaving" // it is being ended
)

// WorkerStats is one worker's part.
type WorkerStats struct {
	PID       int // 0 while there is no process: not to be signalled then, since 0 is the caller's own group
	State     WorkerState
	Function  string        // what it runs, when busy
	Age       time.Duration // how long it has been running that
	Progress  Progress      // what that has reported last
	TasksDone uint64        // tasks that this process has ended
	Resident  uint64        // bytes of memory in use, as the system counts them
	CPU       time.Duration // processor time used, user and system
}

// Stats returns what the pool has done and is doing. The counts are consistent with each other; memory and
// processor time are read from the system for each worker. It waits for nothing else.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	waiting := p.queued - p.reserved
	s := Stats{
		Submitted: p.submitted, Pending: uint64(waiting + p.inflight), Waiting: uint64(waiting),
		Done: p.outcomes[Done], Failed: p.outcomes[Failed], Lost: p.outcomes[Lost], TimedOut: p.outcomes[TimedOut],
		Resting: uint64(p.rests), Retries: p.retries,
		OutOfMemory: p.outcomes[OutOfMemory], Memory: p.options.memoryMechanism(),
		Cancelled: p.outcomes[Cancelled], Abandoned: p.outcomes[Abandoned], LogsDropped: p.logsDropped.Load(),
	}
	p.mu.Unlock()
	for _, seat := range p.allSeats() {
		if stats, kept := seat.stats(); kept {
			s.Workers = append(s.Workers, stats)
		}
	}
	return s
}

// stats describes the seat's worker. It reports false where the pool keeps none, as it does when it has ended.
func (s *seat) stats() (stats WorkerStats, kept bool) {
	l := s.link.Load()
	if l == nil && s.pool.lifetime.Err() != nil {
		return stats, false
	}
	if l == nil {
		s.pool.mu.Lock()
		defer s.pool.mu.Unlock()
		return WorkerStats{State: Starting}, !s.empty && s.number < int(s.pool.size.Load())
	}
	stats = l.stats()
	if usage, err := l.process.Identity().Usage(); err == nil {
		stats.Resident, stats.CPU = usage.Resident, usage.Processor
	}
	return stats, true
}
