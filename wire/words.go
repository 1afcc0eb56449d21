package wire

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Words are words of 64 bits in memory that the two ends of a connection share: what one end writes into one the other
// sees at once, also while the writer is stopped, and after it has died. They begin as 0. A word may hold
// anything, since the peer can write to it: whoever reads one checks what it finds. An end that has heard of the end of the
// connection keeps them, but they are 0 again, and no longer shared.
//
// The server's end gives them out, with Take. All methods are safe for concurrent use, and none blocks.
type Words struct {
	memory []byte      // 0 and of no file after release
	left   atomic.Bool // this end uses them no more

	mu   sync.Mutex // guards the fields below
	uses []uint64   // how often each word has been taken, of those that ever were
	free []int      // that nobody has, of those
}

// Len returns how many words there are.
func (w *Words) Len() int { return len(w.memory) / 8 }

// Leave has this end find 0 in every word, and change none, from now on, as when it has heard of the connection's end.
func (w *Words) Leave() { w.left.Store(true) }

// Load returns the word at an index below Len.
func (w *Words) Load(index int) uint64 {
	value := w.at(index).Load()
	tellSeen()
	runtime.KeepAlive(w)
	if w.left.Load() {
		return 0
	}
	return value
}

// Store sets the word at an index below Len.
func (w *Words) Store(index int, value uint64) {
	if w.left.Load() {
		return
	}
	tellPublished()
	w.at(index).Store(value)
	runtime.KeepAlive(w)
}

// CompareAndSwap sets the word at an index below Len to next, if it is old, and reports whether it was.
func (w *Words) CompareAndSwap(index int, old, next uint64) bool {
	if w.left.Load() {
		return false
	}
	tellPublished()
	swapped := w.at(index).CompareAndSwap(old, next)
	tellSeen()
	runtime.KeepAlive(w)
	return swapped
}

// Swap sets the word at an index below Len, and returns what it was.
func (w *Words) Swap(index int, next uint64) (old uint64) {
	if w.left.Load() {
		return 0
	}
	tellPublished()
	old = w.at(index).Swap(next)
	tellSeen()
	runtime.KeepAlive(w)
	return old
}

// Or sets bits in the word at an index below Len, and returns what it was.
func (w *Words) Or(index int, bits uint64) (old uint64) {
	if w.left.Load() {
		return 0
	}
	tellPublished()
	old = w.at(index).Or(bits)
	tellSeen()
	runtime.KeepAlive(w)
	return old
}

func (w *Words) at(index int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&w.memory[8*index : 8*index+8 : 8*index+8][0]))
}

// Take returns the index of a word that nobody has, the one that was given back last if there is one, and how often that word
// has been taken before. It reports false when there is none.
func (w *Words) Take() (index int, before uint64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch last := len(w.free) - 1; {
	case last >= 0:
		index, w.free = w.free[last], w.free[:last]
	case len(w.uses) < w.Len():
		index = len(w.uses)
		w.uses = append(w.uses, 0)
	default:
		return 0, 0, false
	}
	before = w.uses[index]
	w.uses[index]++
	return index, before, true
}

// Give gives back a word that was taken.
func (w *Words) Give(index int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = append(w.free, index)
}
