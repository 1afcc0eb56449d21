package pool

import (
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	stdsync "sync"
	"time"
	"unsafe"

	"github.com/multiproc-go/multiproc/wire"
)

// A secondhand makes copies of large bytes, in memory of earlier copies that the garbage collector has found to be nobody's
// any more. What it frees instead goes back to the system soon, and to get it again costs more than the copy. No more than
// secondhandMost bytes are tracked, spare and in use, and a spare is given up when it was not wanted for a while, however much
// others are. Where memory is limited nothing is tracked: there it is the collector's.
type secondhand struct {
	mu      stdsync.Mutex // guards the fields below
	spare   []spare       // the one that came last at the end
	tracked int           // bytes, of those and of copies in use
	armed   bool          // timer is to call tidy
	timer   *time.Timer
}

// A spare is memory of a copy that is nobody's any more.
type spare struct {
	memory []byte
	since  int64 // clock
}

const (
	secondhandLeast = 256 << 10 // bytes of a copy
	secondhandMost  = 128 << 20 // bytes of all of them: what a queue and an Iterator hold by default
	secondhandSlack = 8         // so large a part of a copy may be left of the spare that it lies in
)

// copies is this process's.
var copies secondhand

// clone copies bytes. The copy has no room to grow, so that nothing of what was there before is seen.
func (s *secondhand) clone(b []byte) []byte {
	if len(b) < secondhandLeast || len(b) > secondhandMost || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return wire.CloneBytes(b)
	}
	made := s.take(len(b))
	if made != nil {
		copyPast(made[:len(b)], b)
	} else {
		made = wire.CloneBytes(b)
		if !s.track(len(made)) {
			return made
		}
	}
	size := len(made)
	runtime.SetFinalizer(&made[0], func(start *byte) { s.put(unsafe.Slice(start, size)) })
	return made[:len(b):len(b)]
}

// take returns a spare of n bytes or a little more, or nil.
func (s *secondhand) take(n int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, found := range slices.Backward(s.spare) {
		if size := len(found.memory); size >= n && size-n <= n/secondhandSlack {
			s.spare = slices.Delete(s.spare, i, i+1)
			return found.memory
		}
	}
	return nil
}

// track reports whether a copy of n bytes may be tracked, and takes it that it is.
func (s *secondhand) track(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tracked+n > secondhandMost {
		s.dropLocked(s.tracked + n - secondhandMost) // of other sizes: nobody has wanted them
	}
	if s.tracked+n > secondhandMost {
		return false
	}
	s.tracked += n
	return true
}

// put keeps a copy that is nobody's any more.
func (s *secondhand) put(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spare = append(s.spare, spare{b, clock()})
	if !s.armed {
		s.armed = true
		if s.timer == nil {
			s.timer = time.AfterFunc(idleTime, s.tidy)
		} else {
			s.timer.Reset(idleTime)
		}
	}
}

// tidy gives up the spares that were not wanted for a while.
func (s *secondhand) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, idle := clock(), 0
	for _, old := range s.spare {
		if now-old.since >= int64(idleTime) {
			idle += len(old.memory)
		}
	}
	s.dropLocked(idle)
	if s.armed = len(s.spare) > 0; s.armed {
		s.timer.Reset(idleTime - time.Duration(now-s.spare[0].since))
	}
}

// dropLocked gives up so many bytes of spares, or a little more, or all there are, the oldest first.
func (s *secondhand) dropLocked(n int) {
	dropped := 0
	for n > 0 && dropped < len(s.spare) {
		size := len(s.spare[dropped].memory)
		n -= size
		s.tracked -= size
		dropped++
	}
	s.spare = slices.Delete(s.spare, 0, dropped)
}
