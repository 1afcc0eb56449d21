package finalize

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func openScan(t *testing.T, tree Tree) *scan {
	t.Helper()
	s, err := newScan(tree)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// A process that was started while a pass went on is looked at, even if its number
// is below those that the pass has come to.
func TestChaseFindsWhatWasStartedMeanwhile(t *testing.T) {
	mark := NewMark("")
	s := openScan(t, Tree{Marks: []string{mark}})
	last := s.proc.lastPID()
	if last == 0 {
		t.Skip("the last pid cannot be known here")
	}
	f := startFamily(t, "polite")
	s.tree.Marks = []string{f.mark}
	f.pid()
	if settled, err := s.chase(last); err != nil {
		t.Fatal(err)
	} else if !settled {
		t.Log("other processes were started all the time")
	}
	if got := s.table.pidsOf(s.self); len(got) != 1 || got[0] != f.id.PID {
		t.Errorf("members are %v, want pid %d", got, f.id.PID)
	}
	if settled, err := s.chase(s.proc.lastPID() + 1); settled || err != nil {
		t.Errorf("settled after the numbers have begun anew: %v, %v", settled, err)
	}
}

// Neither pid 1 nor a kernel thread is ever in the table, so that nothing can make
// them members.
func TestLookPassesOver(t *testing.T) {
	s := openScan(t, Tree{Groups: []int{1 << 29}})
	for _, pid := range []int{1, 2, anotherThread(t), 1 << 30} {
		if st, err := s.proc.stat(pid); pid == 2 && (err != nil || st.flags&flagKernelThread == 0) {
			continue // in a container
		}
		if err := s.look(pid); err != nil {
			t.Fatal(err)
		}
		if s.table.has(pid) {
			t.Errorf("pid %d is in the table", pid)
		}
	}
	if err := s.look(os.Getpid()); err != nil || !s.table.has(os.Getpid()) {
		t.Errorf("the caller is not in the table: %v", err)
	}
}

// anotherThread returns the number of a thread of this process that does not lead
// it, and keeps it until the test ends.
func anotherThread(t *testing.T) int {
	t.Helper()
	threads, release := make(chan int), make(chan struct{})
	t.Cleanup(func() { close(release) })
	for {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			threads <- unix.Gettid()
			<-release
		}()
		if thread := <-threads; thread != os.Getpid() {
			return thread
		}
	}
}
