package finalize

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleVariable makes the test binary play one of the roles instead of testing.
const roleVariable = "FINALIZE_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role)
		os.Exit(0)
	}
	goleak.VerifyTestMain(leavingNothing{m})
}

// leavingNothing fails a test run that leaves descriptors or children behind.
type leavingNothing struct{ m *testing.M }

func (l leavingNothing) Run() int {
	before := openDescriptors()
	code := l.m.Run()
	if code != 0 {
		return code
	}
	if after := openDescriptors(); after > before+3 { // the poller's own come late
		fmt.Fprintf(os.Stderr, "%d descriptors are open after the tests, %d were before\n", after, before)
		return 1
	}
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		fmt.Fprintf(os.Stderr, "the tests have left a child: pid %d, %v\n", pid, err)
		return 1
	}
	return 0
}

func openDescriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// within bounds what a test waits for, generously: the machine may be busy.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// A family is a process that a test has started, with all that it starts. Each
// member of it holds the writing end of output, so that the end of output is
// the proof that nobody is left.
type family struct {
	t      testing.TB
	cmd    *exec.Cmd
	id     Identity
	mark   string
	output *bufio.Reader
	pipe   *os.File
}

// startFamily starts the test binary in a role, in a process group of its own.
func startFamily(t testing.TB, role string, change ...func(*exec.Cmd)) *family {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(executable)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	return startCommand(t, cmd, change...)
}

func startCommand(t testing.TB, cmd *exec.Cmd, change ...func(*exec.Cmd)) *family {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	f := &family{t: t, cmd: cmd, mark: NewMark(""), output: bufio.NewReader(reader), pipe: reader}
	cmd.Env = append(cmd.Environ(), MarkVariable+"="+f.mark)
	cmd.Stdout, cmd.Stderr = writer, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for _, c := range change {
		c(cmd)
	}
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.cleanUp)
	if f.id, err = Identify(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return f
}

// tree describes the family in the way a parent does that has started it.
func (f *family) tree() Tree {
	return Tree{Roots: []Identity{f.id}, Marks: []string{f.mark}, Groups: []int{f.id.PID}, Since: f.id.Start}
}

// cleanUp ends whatever a failed test has left.
func (f *family) cleanUp() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := f.tree().Kill(ctx); err != nil {
		f.t.Errorf("cleaning up: %v", err)
	}
	f.reap()
	_ = f.pipe.Close()
}

func (f *family) reap() { _ = f.cmd.Wait() }

// pid reads the next line, in which a process tells that it is ready.
func (f *family) pid() int {
	f.t.Helper()
	line, err := f.output.ReadString('\n')
	if err != nil {
		f.t.Fatalf("waiting for a process to be ready: %v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		f.t.Fatalf("a process said %q", line)
	}
	return pid
}

// mustBeGone fails the test if a member of the family is alive.
func (f *family) mustBeGone() {
	f.t.Helper()
	if err := f.pipe.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		f.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, f.output); err != nil {
		f.t.Errorf("a process of the family is alive: %v", err)
	}
}
