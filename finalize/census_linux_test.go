package finalize

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func take(t testing.TB, c *Census, trees ...Tree) [][]Member {
	t.Helper()
	members, err := c.Take(trees)
	if err != nil {
		t.Fatal(err)
	}
	return members
}

func pidsIn(members []Member) (pids []int) {
	for _, m := range members {
		pids = append(pids, m.PID)
	}
	slices.Sort(pids)
	return pids
}

// One pass finds the members of each tree by the marks, the groups, the sessions and the parents, and so does the next one,
// which knows their environments already.
func TestCensusFindsTheMembersOfEachTree(t *testing.T) {
	families := []*family{
		startShell(t, `sleep 600 & echo $$; wait`),
		startShell(t, `env -i setsid sleep 600 & env -i sh -c 'sleep 600 & wait' & echo $$; wait`),
		startShell(t, `setsid sh -c 'env -i sleep 600 & exec sleep 600' & echo $$; wait`),
	}
	var trees []Tree
	for _, f := range families {
		f.pid()
		trees = append(trees, f.tree())
	}
	var c Census
	deadline := time.Now().Add(30 * time.Second)
	for rounds := 0; rounds < 3; {
		counted := take(t, &c, trees...)
		same := true
		for i, tree := range trees {
			members, err := tree.Members()
			if err != nil {
				t.Fatal(err)
			}
			var pids []int
			for _, id := range members {
				pids = append(pids, id.PID)
			}
			slices.Sort(pids)
			same = same && len(pids) >= 2 && slices.Equal(pids, pidsIn(counted[i]))
			for _, m := range counted[i] {
				same = same && m.Alive() && m.Resident > 0 // which is 0 in the middle of an exec
			}
		}
		if same {
			rounds++ // members come and go while the shells start theirs
		} else if time.Now().After(deadline) {
			t.Fatalf("counted %v", counted)
		}
	}
	if got := take(t, &c); len(got) != 0 {
		t.Errorf("no trees: %v", got)
	}
}

func TestCensusRefusesWhatMatchesTooMuch(t *testing.T) {
	if _, err := new(Census).Take([]Tree{{Groups: []int{1}}}); err == nil {
		t.Error("a tree with group 1 was taken")
	}
}

func TestFootprint(t *testing.T) {
	f := startShell(t, "echo $$")
	id, err := Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if size, err := id.Footprint(); err != nil || size < 1<<19 {
		t.Errorf("own footprint %d, %v", size, err)
	}
	f.pid()
	f.reap()
	if size, err := f.id.Footprint(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("the footprint of an ended process: %d, %v", size, err)
	}
	id.Start++
	if size, err := id.Footprint(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("the footprint of another process: %d, %v", size, err)
	}
	const rollup = "55-7f ---p 00000000 00:00 0    [rollup]\nRss:  1756 kB\nPss:  374 kB\nPss_Dirty:  108 kB\nSwap: 9 kB\nSwapPss: 2 kB\n"
	if size := proportionalSize([]byte(rollup)); size != 376<<10 {
		t.Errorf("a size of %d", size)
	}
}

// BenchmarkCensus is one look at so many workers that each have a child.
func BenchmarkCensus(b *testing.B) {
	for _, workers := range []int{10, 100} {
		b.Run(strconv.Itoa(workers), func(b *testing.B) {
			trees := startWorkers(b, workers)
			var c Census
			b.ReportAllocs()
			for b.Loop() {
				take(b, &c, trees...)
			}
			b.ReportMetric(float64(countProcesses(b)), "processes")
		})
	}
}

// startWorkers starts processes that each have a child, and returns their trees.
func startWorkers(b *testing.B, n int) (trees []Tree) {
	for range n {
		mark := NewMark("")
		cmd := exec.Command("/bin/sh", "-c", "sleep 600 & echo; wait")
		cmd.Env = append(os.Environ(), MarkVariable+"="+mark)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		output, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
		})
		if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
			b.Fatal(err)
		}
		id, err := Identify(cmd.Process.Pid)
		if err != nil {
			b.Fatal(err)
		}
		trees = append(trees, Tree{Roots: []Identity{id}, Marks: []string{mark}, Groups: []int{id.PID}, Since: id.Start})
	}
	return trees
}

// BenchmarkFootprint is the exact look at one process with so many MiB of small pages.
func BenchmarkFootprint(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("%dMiB", size), func(b *testing.B) {
			script := fmt.Sprintf(`x=$(head -c %d /dev/zero | tr '\0' x); echo; read y`, size<<20)
			cmd := exec.Command("/bin/sh", "-c", script)
			input, err := cmd.StdinPipe()
			if err != nil {
				b.Fatal(err)
			}
			defer input.Close()
			output, err := cmd.StdoutPipe()
			if err != nil {
				b.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
				b.Fatal(err)
			}
			id, err := Identify(cmd.Process.Pid)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := id.Footprint(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
