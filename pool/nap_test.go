package pool

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// A nap is short also where nothing else is to be done, and one sleeps for all who nap at once.
func TestNap(t *testing.T) {
	took := make([]time.Duration, 101)
	for i := range took {
		begun := time.Now()
		<-napOver()
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	if median := took[len(took)/2]; runtime.GOOS == "linux" && median > 600*time.Microsecond {
		t.Errorf("a nap of %v took %v", napTime, median)
	}
	naps.mu.Lock()
	over := make(chan struct{})
	naps.over, naps.begun = over, clock()+int64(time.Minute) // of one that is going on
	naps.mu.Unlock()
	first, second := napOver(), napOver()
	if first != second || first != (<-chan struct{})(over) {
		t.Error("each sleeps for itself")
	}
	naps.mu.Lock()
	naps.begun = clock() - int64(napLate+napTime)
	naps.mu.Unlock()
	if napOver() != nil {
		t.Error("one that is late is waited for")
	}
	naps.mu.Lock()
	naps.over = nil
	naps.mu.Unlock()
	if next := napOver(); next == first {
		t.Error("a nap that is over goes on")
	} else {
		<-next
	}
}
