package finalize

import (
	"os"
	"runtime"
	"testing"
	"time"

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
	s.table.begin([]Tree{{Marks: []string{f.mark}}})
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
		if err := s.look(pid, unknownInode); err != nil {
			t.Fatal(err)
		}
		if s.table.has(pid) {
			t.Errorf("pid %d is in the table", pid)
		}
	}
	if err := s.look(os.Getpid(), unknownInode); err != nil || !s.table.has(os.Getpid()) {
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

// A process that is known to be too old is not asked again; one that has got the number of such a process is.
func TestLookKnowsTheOldByTheirInodes(t *testing.T) {
	f := startFamily(t, "polite")
	f.pid()
	s := openScan(t, Tree{Marks: []string{f.mark}, Since: f.id.Start})
	found := func() bool {
		members, _, err := s.pass()
		if err != nil {
			t.Fatal(err)
		}
		return len(members) == 1 && members[0] == f.id
	}
	for pass := range 2 {
		if !found() {
			t.Fatalf("pass %d did not find the member", pass)
		}
	}
	known, remembered := s.proc.ages[f.id.PID]
	if own := s.proc.ages[os.Getpid()]; !remembered || known.start != f.id.Start || own.start == 0 || own.inode == known.inode {
		t.Fatalf("%+v was learnt, and %+v of the caller", known, own)
	}
	s.proc.remember(f.id.PID, known.inode, 1)
	if found() {
		t.Error("a process that is too old was asked again")
	}
	s.proc.remember(f.id.PID, known.inode+1, 1)
	if !found() {
		t.Error("a process was taken for one that had its number before")
	}
	for pid := range 1 << 16 {
		s.proc.remember(1<<22+pid, 1, 1)
	}
	if !found() || len(s.proc.ages) > 1<<15 {
		t.Errorf("%d processes are remembered", len(s.proc.ages))
	}
}

// What is known of the old outlives the garbage collector: a program that seldom sweeps would learn it anew each time.
func TestWhatIsKnownOfTheOldIsKept(t *testing.T) {
	self := Identity{PID: os.Getpid()}
	look := func() age {
		s, err := newScan(Tree{Roots: []Identity{self}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		before := age{}
		if known := knownAges.Load(); known != nil {
			before = (*known)[self.PID]
		}
		if _, _, err := s.pass(); err != nil {
			t.Fatal(err)
		}
		return before
	}
	look()
	for range 3 {
		runtime.GC()
	}
	if known := look(); known.start == 0 {
		t.Errorf("%+v is known of this process", known)
	}
}

// A kill made do with ten passes, some ten milliseconds, while a descendant waited for its turn in the middle of an exec: it
// was left, and ran beside the next attempt of its task.
func TestPatienceWithWhatIsBetweenTwoPrograms(t *testing.T) {
	now := time.Now()
	var busy, exec patience
	for pass := 1; pass < mostPasses; pass++ {
		if busy.nothing(false, now) || exec.nothing(true, now) {
			t.Fatalf("given up after %d passes", pass)
		}
	}
	if !busy.nothing(false, now) {
		t.Error("more than ten passes where many processes are made")
	}
	if exec.nothing(true, now.Add(execPatience/2)) {
		t.Error("given up while somebody is between two programs")
	}
	if !exec.nothing(false, now.Add(execPatience/2)) || !exec.nothing(true, now.Add(execPatience)) {
		t.Error("no end")
	}
}
