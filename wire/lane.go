package wire

import (
	"sync/atomic"
	"unsafe"
)

// The memory that the two ends of a connection share. A lane has its beginning: words in a cache line each, and two rings.
// Words to give out follow, where a page begins on every system. No page takes memory before it is used.
const (
	wordCallTail     = 0 * 64 // client: published
	wordCallHead     = 1 * 64 // server: done with
	wordReplyTail    = 2 * 64 // server: published
	wordReplyHead    = 3 * 64 // client: done with
	wordServerSleeps = 4 * 64 // 1 while the server waits for a bell
	wordClientSleeps = 5 * 64 // 1 while the client waits for a bell
	ringsAt          = 4096
	ringBytes        = 64 << 10
	laneBytes        = ringsAt + 2*ringBytes
	wordsAt          = 192 << 10
	wordsBytes       = 128 << 10
	memoryBytes      = wordsAt + wordsBytes
	largestRecord    = ringBytes/4 - recordHeader // bytes of frames that go through a ring together
)

// A mapping is our view of the memory that the two ends of a connection share.
type mapping struct {
	lane  []byte // of laneBytes
	words *Words
}

// release lets go of memory that was not used, or is used no more.
func (m mapping) release() {
	unmapMemory(m.lane)
	m.words.release()
}

// A lane is a part of that memory, as one end has it mapped: what is small goes through it instead of the socket. The socket stays
// where each side learns of the other's end, takes what is large, and carries a bell, an empty frame, to an end that
// says that it sleeps.
//
// What one side sends has one order, though it takes two ways. It begins on the socket; a turn frame there says that what
// follows is in the ring, and a detour in the ring that what follows is on the socket.
type lane struct {
	memory []byte

	// Of whoever reads.
	in       ringReader
	inward   bool           // what comes next is in the ring
	sleeping *atomic.Uint64 // ours
	patience Patience

	// Of whoever writes.
	out        ringWriter
	outward    bool           // what is written next follows what is in the ring
	peerSleeps *atomic.Uint64 // the peer's
	gathers    atomic.Bool    // frames are published together; set by whoever reads
	pending    int            // frames that are in the ring and not published
}

// newLane returns the client's or the server's end of memory of laneBytes.
func newLane(memory []byte, client bool) *lane {
	word := func(at int) *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(&memory[at])) }
	calls, replies := memory[ringsAt:ringsAt+ringBytes:ringsAt+ringBytes], memory[ringsAt+ringBytes:laneBytes:laneBytes]
	l := &lane{
		memory: memory,
		in:     ringReader{ring: calls, tail: word(wordCallTail), head: word(wordCallHead)},
		out:    ringWriter{ring: replies, tail: word(wordReplyTail), head: word(wordReplyHead)},

		sleeping: word(wordServerSleeps), peerSleeps: word(wordClientSleeps),
	}
	if client {
		l.in = ringReader{ring: replies, tail: word(wordReplyTail), head: word(wordReplyHead)}
		l.out = ringWriter{ring: calls, tail: word(wordCallTail), head: word(wordCallHead)}
		l.sleeping, l.peerSleeps = l.peerSleeps, l.sleeping
	}
	return l
}

// sleep asks for a bell, and reports whether it is time to wait for one: false when something is there already.
func (l *lane) sleep() bool {
	l.sleeping.Store(1)
	if l.in.empty() {
		l.patience.Sleep()
		return true
	}
	l.sleeping.Store(0)
	return false
}

// disarm says that no bell is needed, because somebody looks.
func (l *lane) disarm() {
	if l.sleeping.Load() != 0 {
		l.sleeping.Store(0)
	}
}

// wake says that no bell is needed any more.
func (l *lane) wake() {
	l.sleeping.Store(0)
	l.patience.Woke()
}
