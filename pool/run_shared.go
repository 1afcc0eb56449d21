package pool

import (
	"sync/atomic"
	"unsafe"
)

// Behind the rings of the memory that a link shares with its worker stand some blocks, one for each run under way, which
// are used in turn. A block is a word that says how far its run is, how many bytes of results the worker has written, and
// the results. The worker writes a result, and then publishes it and claims the next task by one compare-and-swap of
// the word, by which the link takes back what is not claimed, too.
const (
	runBlocks   = 8
	runsAt      = resultsAt + ringBytes
	runBlock    = 32 << 10
	runUsedAt   = 8  // in a block
	runResults  = 64 // in a block
	runHeader   = 8  // in front of the arguments in a run's record: its number and how many tasks it has, 4 bytes each
	flagRun     = 1 << 26
	resultRun   = 3 // kind of result: the run is over; what did not fit in the block, the last result, comes with it
	resultSpill = 4 // kind of result: the same with one result more, a value
	resultFault = 5 // kind of result: the same with one result more, an error
)

// runWord is how far a run is: its number, modulo 2^16, and how many of its tasks have begun, have ended with their
// results published, and may be begun, 16 bits each.
type runWord uint64

const (
	oneEnd   runWord = 1
	oneEnded runWord = 1 << 16
	oneBegun runWord = 1 << 32
	oneRun   runWord = 1 << 48
)

func newRunWord(number uint32, tasks int) runWord {
	return runWord(uint16(number))*oneRun + runWord(tasks)*oneEnd
}

func (w runWord) number() uint16 { return uint16(w / oneRun) }
func (w runWord) begun() int     { return int(uint16(w / oneBegun)) }
func (w runWord) ended() int     { return int(uint16(w / oneEnded)) }
func (w runWord) end() int       { return int(uint16(w / oneEnd)) }

// block is the memory of one run under way.
type block []byte

func (s *shared) block(number uint32) block {
	at := runsAt + int(number%runBlocks)*runBlock
	return s.memory[at : at+runBlock : at+runBlock]
}

func (b block) word() *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(&b[0])) }

// used is how many bytes of results there are, as the worker says: written before the word that publishes them.
func (b block) used() *uint32 { return (*uint32)(unsafe.Pointer(&b[runUsedAt])) }

func (b block) results() []byte { return b[runResults:len(b):len(b)] }
