package finalize

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// killWhole kills the family's tree and checks the number and that nobody is left.
func (f *family) killWhole(want int) {
	f.t.Helper()
	n, err := f.tree().Kill(within(f.t))
	if err != nil {
		f.t.Fatal(err)
	}
	if n != want {
		f.t.Errorf("killed %d processes, want %d", n, want)
	}
	f.mustBeGone()
}

func TestKillChildThatCallsSetsidAndIgnoresSIGTERM(t *testing.T) {
	f := startFamily(t, "parent")
	f.pid()
	f.pid()
	f.killWhole(2)
}

func TestKillDaemonOfADeadParent(t *testing.T) {
	f := startFamily(t, "daemon")
	daemon := f.pid()
	waitForZombie(t, f.id.PID)
	members, err := f.tree().Members()
	if err != nil {
		t.Fatal(err)
	}
	if len(members) != 1 || members[0].PID != daemon {
		t.Errorf("members are %v, want pid %d alone", members, daemon)
	}
	f.killWhole(1)
}

// Whoever is in the middle of his exit shows no environment, and still has everything open.
func TestKillWaitsForThoseThatAreEnding(t *testing.T) {
	for range 20 {
		f := startFamily(t, "large")
		pid := f.pid()
		if err := f.id.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		st, err := processStat(pid)
		for err == nil && !st.gone() && st.flags&flagExiting == 0 {
			st, err = processStat(pid)
		}
		seen := err == nil && !st.gone()
		if _, err := (Tree{Marks: []string{f.mark}, Since: f.id.Start}).Kill(within(t)); err != nil {
			t.Error(err)
		}
		if st, err = processStat(pid); err == nil && !st.gone() {
			t.Errorf("it is not over: %q, %#x", st.state, st.flags)
		}
		f.reap()
		if seen {
			return
		}
	}
	t.Skip("they end too soon to be seen at it")
}

// The mark is found in a thread that goes on, where the one that leads the process has ended.
func TestKillProcessWithoutItsLeader(t *testing.T) {
	f := startFamily(t, "headless")
	pid := f.pid()
	for s, err := processStat(pid); s.state != 'Z'; s, err = processStat(pid) {
		if err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	if n, err := (Tree{Marks: []string{f.mark}, Since: f.id.Start}).Kill(within(t)); n != 1 || err != nil {
		t.Errorf("killed %d, %v", n, err)
	}
	f.reap()
}

func TestKillChildrenAfterTheirParentWasKilled(t *testing.T) {
	f := startFamily(t, "parent")
	f.pid()
	f.pid()
	if err := f.id.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	f.reap()
	f.killWhole(1)
}

func TestKillStoppedProcess(t *testing.T) {
	f := startFamily(t, "parent")
	f.pid()
	f.pid()
	if n, err := f.tree().Signal(syscall.SIGSTOP); n != 2 || err != nil {
		t.Fatalf("stopped %d, %v", n, err)
	}
	f.killWhole(2)
}

// A process without the mark belongs to its parent, as long as that one lives.
func TestKillChildWithoutEnvironment(t *testing.T) {
	f := startFamily(t, "clearing")
	f.pid()
	f.pid()
	f.killWhole(2)
}

func TestKillSupervisorBeforeItsChild(t *testing.T) {
	f := startFamily(t, "supervisor")
	f.pid()
	f.pid()
	if n, err := f.tree().Kill(within(t)); err != nil || n < 2 {
		t.Fatalf("killed %d, %v", n, err)
	}
	f.mustBeGone()
}

func TestKillHundreds(t *testing.T) {
	const count = 300
	f := startShell(t, `i=0; while [ $i -lt 300 ]; do sleep 600 & i=$((i+1)); done; echo $$; wait`)
	f.pid()
	f.killWhole(count + 1)
}

// Each process of the chain starts the next one and ends: whoever was seen has
// ended when it is to be killed.
func TestKillProcessesThatForkAndEnd(t *testing.T) {
	fuse := filepath.Join(t.TempDir(), "burning") // the chain ends with it, should Kill fail
	if err := os.WriteFile(fuse, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "chain")
	text := "#!/bin/sh\n[ -e '" + fuse + "' ] && { setsid '" + script + "' & }\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil { //nolint:gosec // a script has to be executable
		t.Fatal(err)
	}
	f := startShell(t, "'"+script+"' & echo $$")
	f.pid()
	f.reap()
	n, err := f.tree().Kill(within(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("killed %d", n)
	f.mustBeGone()
}

func TestKillSparesTheCallerAndOtherTrees(t *testing.T) {
	bystander := startFamily(t, "polite")
	bystander.pid()
	f := startFamily(t, "suicidal")
	if n := f.pid(); n != 2 {
		t.Errorf("a process killed %d of its own children, want 2", n)
	}
	if err := f.cmd.Wait(); err != nil {
		t.Errorf("the process that killed its tree: %v", err)
	}
	f.mustBeGone()
	if !bystander.id.Alive() {
		t.Error("a process of another tree was killed")
	}
}

func TestKillTreesConcurrently(t *testing.T) {
	var wait sync.WaitGroup
	for range 4 {
		f := startFamily(t, "parent")
		f.pid()
		f.pid()
		wait.Go(func() {
			if n, err := f.tree().Kill(within(t)); n != 2 || err != nil {
				t.Errorf("killed %d, %v", n, err)
			}
		})
	}
	wait.Wait()
}

func TestKillWithAContextThatHasEnded(t *testing.T) {
	f := startFamily(t, "parent")
	f.pid()
	f.pid()
	cause := errors.New("no time")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	n, err := f.tree().Kill(ctx)
	var survivors *SurvivorsError
	if n != 2 || !errors.As(err, &survivors) || !errors.Is(err, cause) {
		t.Errorf("killed %d, error %v", n, err)
	}
	f.mustBeGone() // all were sent the signal
}

func TestKillWithoutPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can start a process of another user")
	}
	f := startFamily(t, "stubborn")
	f.pid()
	killer := startFamily(t, "powerless", func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "FINALIZE_TEST_GROUP="+strconv.Itoa(f.id.PID))
		cmd.Path = "/proc/self/exe" // which another user may not reach by its name
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	})
	line, err := killer.output.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	want := "finalize: kill a process tree: still alive are pids " + strconv.Itoa(f.id.PID) + ": " +
		f.id.String() + ": pidfd_send_signal: operation not permitted\n"
	if line != want {
		t.Errorf("error is %q\nwant %q", line, want)
	}
	if !f.id.Alive() {
		t.Error("it was killed nevertheless")
	}
}

func TestMembersExcept(t *testing.T) {
	f := startFamily(t, "clearing")
	pids := []int{f.pid(), f.pid()}
	child := pids[0]
	if child == f.id.PID {
		child = pids[1]
	}
	pidsOf := func(tree Tree) []int {
		members, err := tree.Members()
		if err != nil {
			t.Fatal(err)
		}
		var pids []int
		for _, id := range members {
			pids = append(pids, id.PID)
		}
		return pids
	}
	if got, want := pidsOf(f.tree()), []int{f.id.PID, child}; !slices.Equal(got, want) {
		t.Errorf("members are %v, want %v, the oldest first", got, want)
	}
	tree := f.tree()
	tree.Exclude = []int{child}
	if got, want := pidsOf(tree), []int{f.id.PID}; !slices.Equal(got, want) {
		t.Errorf("without the child: %v, want %v", got, want)
	}
	tree.Exclude = []int{f.id.PID}
	if got := pidsOf(tree); len(got) != 0 {
		t.Errorf("without the parent: %v, want nobody: the child has no mark", got)
	}
	tree = Tree{Marks: []string{f.mark}, Since: f.id.Start + 1e6}
	if got := pidsOf(tree); len(got) != 0 {
		t.Errorf("since later: %v, want nobody", got)
	}
	own, err := Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	got := pidsOf(Tree{Roots: []Identity{own}})
	if !slices.Contains(got, f.id.PID) || !slices.Contains(got, child) || slices.Contains(got, own.PID) {
		t.Errorf("members below the caller are %v", got)
	}
}

func TestInvalidTree(t *testing.T) {
	for name, tree := range map[string]Tree{
		"empty mark":  {Marks: []string{""}},
		"all groups":  {Groups: []int{1}},
		"own group":   {Groups: []int{0}},
		"root zero":   {Roots: []Identity{{}}},
		"pid 1":       {Roots: []Identity{{PID: 1}}},
		"a whole env": {Marks: []string{"A=1"}},
	} {
		if _, err := tree.Members(); err == nil {
			t.Errorf("%s: Members accepts it", name)
		}
		if _, err := tree.Signal(0); err == nil {
			t.Errorf("%s: Signal accepts it", name)
		}
		if _, err := tree.Kill(context.Background()); err == nil {
			t.Errorf("%s: Kill accepts it", name)
		}
	}
	if n, err := (Tree{}).Kill(context.Background()); n != 0 || err != nil {
		t.Errorf("the empty tree: %d, %v", n, err)
	}
}

func startShell(t testing.TB, script string, change ...func(*exec.Cmd)) *family {
	t.Helper()
	return startCommand(t, exec.Command("/bin/sh", "-c", script), change...)
}
