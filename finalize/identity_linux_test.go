package finalize

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// waitForZombie waits until a child has ended and does not reap it.
func waitForZombie(t testing.TB, pid int) {
	t.Helper()
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			return
		}
		if !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
	}
}

func TestIdentityOfALivingProcess(t *testing.T) {
	id, err := Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if id.PID != os.Getpid() || id.Start == 0 {
		t.Errorf("identity is %v", id)
	}
	if !id.Alive() {
		t.Error("this process is not alive")
	}
	if err := id.Signal(0); err != nil {
		t.Errorf("signal 0: %v", err)
	}
}

func TestZombieIsGone(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForZombie(t, cmd.Process.Pid)
	id, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatalf("a zombie has an identity until it is reaped: %v", err)
	}
	if id.Alive() {
		t.Error("a zombie is alive")
	}
	if err := id.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal to a zombie: %v", err)
	}
	if members, err := (Tree{Roots: []Identity{id}, Groups: []int{id.PID}}).Members(); err != nil || len(members) > 0 {
		t.Errorf("a zombie is a member: %v, %v", members, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := Identify(id.PID); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("identify a process that was reaped: %v", err)
	}
}

// A process whose first thread has ended is shown as a zombie while others run.
func TestHeadlessProcessIsAlive(t *testing.T) {
	f := startFamily(t, "headless")
	f.pid()
	for s, err := processStat(f.id.PID); s.state != 'Z'; s, err = processStat(f.id.PID) {
		if err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	if !f.id.Alive() {
		t.Error("taken for a zombie")
	}
	if n, err := (Tree{Groups: []int{f.id.PID}}).Kill(within(t)); n != 1 || err != nil {
		t.Errorf("killed %d, %v", n, err)
	}
	f.mustBeGone()
}

func TestRecycledPIDIsNotSignalled(t *testing.T) {
	f := startFamily(t, "polite")
	f.pid()
	recycled := Identity{PID: f.id.PID, Start: f.id.Start - 1}
	if recycled.Alive() {
		t.Error("another process with the same pid is taken for the one meant")
	}
	if err := recycled.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal: %v", err)
	}
	tree := Tree{Roots: []Identity{recycled}, Groups: []int{recycled.PID}}
	if n, err := tree.Kill(within(t)); n != 0 || err != nil {
		t.Errorf("killed %d, %v", n, err)
	}
	if err := f.id.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("the process is no longer there: %v", err)
	}
	if err := f.cmd.Wait(); err != nil {
		t.Errorf("the process did not end as it wanted to: %v", err)
	}
}

func TestThreadIsNoProcess(t *testing.T) {
	thread := anotherThread(t)
	if id, err := Identify(thread); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a thread was identified as %v, %v", id, err)
	}
}

func TestIdentifyNobody(t *testing.T) {
	for _, pid := range []int{0, -1, 1 << 30} {
		if _, err := Identify(pid); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("pid %d: %v", pid, err)
		}
	}
	if (Identity{}).Alive() {
		t.Error("the zero identity is alive")
	}
	if err := (Identity{}).Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal to the zero identity: %v", err)
	}
}
