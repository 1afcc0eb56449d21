package pool

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// allowed returns on how many processors this thread may run.
func allowed(t *testing.T) int {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	return set.Count()
}

// A thread that its user has bound to one processor stays there.
func TestBoundThreadStays(t *testing.T) {
	ended := make(chan struct{})
	go func() { // its thread ends with it
		defer close(ended)
		runtime.LockOSThread()
		var one, seen unix.CPUSet
		here := processor()
		if here == 0 {
			return
		}
		one.Set(int(here) - 1)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Error(err)
			return
		}
		changeProcessor()
		if err := unix.SchedGetaffinity(0, &seen); err != nil || seen != one || processor() != here {
			t.Errorf("it may run on %d processors and is on %d: %v", seen.Count(), processor(), err)
		}
	}()
	<-ended
}
