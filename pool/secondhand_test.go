package pool

import (
	"bytes"
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
	"unsafe"
)

// collect runs the garbage collector until the finalizers of what nobody has any more have brought so many spares.
func (s *secondhand) collect(t *testing.T, spares int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		runtime.GC()
		s.mu.Lock()
		found := len(s.spare)
		s.mu.Unlock()
		if found >= spares {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("there are no %d spares", spares)
}

func filled(n int, with byte) []byte { return bytes.Repeat([]byte{with}, n) }

// fitting makes a secondhand that does not give spares up by itself.
func fitting() *secondhand { return &secondhand{armed: true} }

// A copy that nobody has any more gives its memory to the next; one of which a part is in use keeps it.
func TestCopiesUseMemoryOfOthersAgain(t *testing.T) {
	const size = 1 << 20
	s := fitting()
	kept := s.clone(filled(size, 1))[size-10:]
	dropped := make(chan uintptr)
	go func() { // which reads it to the end, as the race detector sees
		b := s.clone(filled(size, 2))
		if !bytes.Equal(b, filled(size, 2)) || cap(b) != size {
			t.Error("a copy differs, or can grow")
		}
		dropped <- uintptr(unsafe.Pointer(&b[0]))
	}()
	first := <-dropped
	s.collect(t, 1)
	if again := s.clone(filled(size-100, 3)); uintptr(unsafe.Pointer(&again[0])) != first || !bytes.Equal(again, filled(size-100, 3)) || cap(again) != size-100 {
		t.Error("the memory of a copy was not used again, or shows what was there")
	}
	s.collect(t, 1)
	if s.take(size/2) != nil || s.take(size+1) != nil || len(s.take(size)) != size || s.take(size) != nil {
		t.Error("a spare was taken that does not fit, or twice")
	}
	if !bytes.Equal(kept, filled(10, 1)) {
		t.Error("a copy has changed while a part of it was in use")
	}
}

// What is tracked is bounded, spares make room for copies of other sizes, and are given up when none is wanted.
func TestSparesAreBounded(t *testing.T) {
	s := fitting()
	const size = 8 << 20
	kept := make([][]byte, secondhandMost/size+2)
	for i := range kept {
		kept[i] = s.clone(filled(size, byte(i)))
	}
	if s.tracked != secondhandMost {
		t.Fatalf("%d bytes are tracked", s.tracked)
	}
	for i, b := range kept {
		if !bytes.Equal(b, filled(size, byte(i))) {
			t.Fatalf("copy %d differs", i)
		}
	}
	clear(kept)
	s.collect(t, secondhandMost/size)
	small := s.clone(filled(size/2, 1))
	if s.tracked != secondhandMost-size/2 || len(s.spare) != secondhandMost/size-1 {
		t.Fatalf("%d bytes are tracked, with %d spares", s.tracked, len(s.spare))
	}
	s.timer = time.AfterFunc(time.Hour, s.tidy)
	defer s.timer.Stop()
	for i := range s.spare {
		s.spare[i].since = clock()
	}
	s.spare[0].since -= int64(idleTime)
	if s.tidy(); len(s.spare) != secondhandMost/size-2 || !s.armed {
		t.Fatalf("of %d spares, one of which was not wanted, %d are left", secondhandMost/size-1, len(s.spare))
	}
	for i := range s.spare {
		s.spare[i].since -= int64(idleTime)
	}
	if s.tidy(); len(s.spare) > 0 || s.tracked != size/2 || s.armed {
		t.Fatalf("%d spares, %d bytes are tracked", len(s.spare), s.tracked)
	}
	runtime.KeepAlive(small)
}

// Where memory is limited, and for what is small or very large, copies are the collector's.
func TestCopiesThatAreNotTracked(t *testing.T) {
	s := fitting()
	for _, size := range []int{0, secondhandLeast - 1, secondhandMost + 1} {
		if b := s.clone(filled(size, 1)); b == nil || !bytes.Equal(b, filled(size, 1)) {
			t.Error("a copy differs")
		}
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	if b := s.clone(filled(1<<20, 1)); !bytes.Equal(b, filled(1<<20, 1)) || s.tracked > 0 {
		t.Errorf("%d bytes are tracked", s.tracked)
	}
}

// A spare that nobody wants is given up, also while others are used again and again.
func TestSpareOfASizeThatIsWantedNoMoreIsGivenUp(t *testing.T) {
	s := &secondhand{}
	const size = 8 << 20
	dropped := make(chan bool)
	go func() { dropped <- len(s.clone(filled(size, 1))) == size }()
	<-dropped
	s.collect(t, 1)
	small := filled(secondhandLeast, 2)
	tick := time.NewTicker(idleTime / 50)
	defer tick.Stop()
	for limit := time.After(10 * idleTime); ; {
		select {
		case <-tick.C:
			s.clone(small)
		case <-limit:
			t.Fatal("it is still there")
		}
		s.mu.Lock()
		kept := len(s.spare) > 0 && len(s.spare[0].memory) == size
		s.mu.Unlock()
		if !kept {
			return
		}
	}
}
