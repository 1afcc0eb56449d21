package pool

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"
)

// The memory that a link shares with its worker: words in a cache line each, or with others that are written together, a word
// per task under way, and two rings, of tasks to the worker and of results to the link.
const (
	wordTaskTail     = 0 * 64    // link: tasks published
	wordTaskHead     = 1 * 64    // worker: tasks done with
	wordResultTail   = 2 * 64    // worker: results published
	wordResultHead   = 3 * 64    // link: results taken
	wordWorkerSleeps = 4 * 64    // 1 while the worker waits for a doorbell
	wordLinkSleeps   = 5 * 64    // 1 while the link waits for a doorbell
	wordClaimedAt    = 6 * 64    // worker: when it claimed its task, monotonic nanoseconds
	wordStintBegun   = 6*64 + 8  // worker: when it began its stint, on the same clock; 0 if it cannot tell; see stint
	wordStintOver    = 6*64 + 16 // worker: when the last one was over
	wordStintTasks   = 6*64 + 24 // worker: how many tasks ended in it
	wordStintEnded   = 6*64 + 32 // worker: how many had ended by then in all; written last
	wordLargeTaken   = 7 * 64    // link: results taken from the arena
	wordLinkRuns     = 8 * 64    // link: which processor it was on when it sent the last large payload; see apart
	linkGoesOn       = 1 << 63   // flag of that: it has something to do before this payload's result comes
	wordReports      = 12 * 64   // worker: how many reports of progress it has made; see progress.go for where they are
	wordWantReport   = 13 * 64   // 1 while the link waits to be told of one
	wordKnocking     = 14 * 64   // 1 while a knock is on its way
	slotsAt          = 4096
	slotCount        = 1 << 12
	ringBytes        = 256 << 10
	tasksAt          = slotsAt + 8*slotCount
	resultsAt        = tasksAt + ringBytes
	sharedBytes      = runsAt + runBlocks*runBlock
	arenaAt          = (sharedBytes + 64<<10 - 1) &^ (64<<10 - 1) // the largest pages are of that size
	sharedWithArena  = arenaAt + 2*arenaHalf
	maxAhead         = slotCount / 2 // tasks a link may have under way
	claimBits        = 2
	taskSent         = 0 // the state of a task, in the low bits of its slot
	taskClaimed      = 1
	taskRecalled     = 2
	flagLarge        = 1 << 31 // task: the payload comes as a frame on the data connection
	flagTimed        = 1 << 30 // task: the worker writes down when it claims it
	flagDeadline     = 1 << 29 // task: the payload begins with how long it may run, in nanoseconds, 8 bytes
	flagTrace        = 1 << 28 // task: the payload, behind that, begins with a trace; see putTrace
	flagArena        = 1 << 27 // task: the payload, or what follows those, says where in the arena it is
	flagAgain        = 1 << 25 // task: behind those comes which attempt it is, if it is not the first, 8 bytes
	functionMask     = flagAgain - 1
	deadlineSize     = 8
	attemptSize      = 8
	resultValue      = 0 // kinds of result
	resultError      = 1
	resultRecalled   = 2
	resultReport     = 16     // no result, but the last report of progress before the one that follows
	resultLarge      = 1 << 8 // the payload comes as a frame on the data connection
	resultArena      = 1 << 9 // the payload says where in the arena it is
)

// shared is one process's mapping of that memory.
type shared struct{ memory []byte }

// newShared makes such memory in an anonymous file, for a worker to inherit, with an arena behind the rest where there can
// be one. The caller closes the file, or the arena, which has it.
func newShared() (*shared, *arena, *os.File, error) {
	s, a, file, err := newSharedOf(sharedWithArena)
	if err != nil && arenaHalf > 0 {
		s, a, file, err = newSharedOf(sharedBytes) // large payloads travel as frames then
	}
	if a != nil {
		a.file = file
	}
	return s, a, file, err
}

func newSharedOf(size int) (*shared, *arena, *os.File, error) {
	file, err := anonymousFile("multiproc-link", size)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("pool: cannot make memory to share with a worker: %w", err)
	}
	s, a, err := mapShared(file)
	if err != nil {
		return nil, nil, nil, joinClose(err, file)
	}
	return s, a, file, nil
}

// mapShared maps the memory of an inherited file. It has an arena or none.
func mapShared(file *os.File) (*shared, *arena, error) {
	memory, err := mapFile(file, sharedBytes, sharedWithArena)
	if err != nil {
		return nil, nil, fmt.Errorf("pool: cannot map the memory shared with the worker: %w", err)
	}
	return &shared{memory: memory}, arenaOf(memory), nil
}

func (s *shared) close() error { return unmap(s.memory) }

func (s *shared) word(at int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&s.memory[at]))
}

// slot is the word of a task: its sequence number and its state.
func (s *shared) slot(sequence uint64) *atomic.Uint64 {
	return s.word(slotsAt + 8*int(sequence%slotCount))
}

// send marks a task as sent. It is published with its record.
func (s *shared) send(sequence uint64) { s.slot(sequence).Store(sequence<<claimBits | taskSent) }

// claim takes a sent task for the worker; false when the link has recalled it.
func (s *shared) claim(sequence uint64) bool {
	return s.slot(sequence).CompareAndSwap(sequence<<claimBits|taskSent, sequence<<claimBits|taskClaimed)
}

// recall takes a sent task back for the link; false when the worker has claimed it.
func (s *shared) recall(sequence uint64) bool {
	return s.slot(sequence).CompareAndSwap(sequence<<claimBits|taskSent, sequence<<claimBits|taskRecalled)
}

// claimed reports whether the worker has claimed a task. Anything but a task that is marked as sent counts,
// since a worker that corrupts its memory may have begun what it had.
func (s *shared) claimed(sequence uint64) bool {
	return s.slot(sequence).Load() != sequence<<claimBits|taskSent
}

// resultsWait reports whether the worker has published results that the link has not taken.
func (s *shared) resultsWait() bool {
	return s.word(wordResultTail).Load() != s.word(wordResultHead).Load()
}

func (s *shared) tasks() []byte   { return s.memory[tasksAt:resultsAt:resultsAt] }
func (s *shared) results() []byte { return s.memory[resultsAt:runsAt:runsAt] }
