package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "multiproc-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "multiproc")
	arguments := []string{"build", "-o", binary}
	if raceEnabled {
		arguments = append(arguments, "-race")
	}
	if out, err := exec.Command("go", append(arguments, ".")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// patience is how long a test waits for what must come, on a busy machine.
const patience = time.Minute

// program is a run of the binary, in a temporary folder of its own for which it
// is checked that nothing is left there.
type program struct {
	t         *testing.T
	cmd       *exec.Cmd
	temporary string
	stdout    locked
	stderr    locked
	ended     chan struct{}
}

// launch starts the binary. stdin may be nil.
func launch(t *testing.T, stdin io.Reader, arguments ...string) *program {
	t.Helper()
	p := prepareProgram(t, stdin, arguments...)
	p.start()
	return p
}

func prepareProgram(t *testing.T, stdin io.Reader, arguments ...string) *program {
	p := &program{t: t, cmd: exec.Command(binary, arguments...), temporary: t.TempDir(), ended: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, &p.stdout, &p.stderr
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.temporary)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = 5 * time.Second // for an input that nobody reads to its end
	return p
}

func (p *program) start() {
	p.t.Helper()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // where a test has failed
		<-p.ended
	})
}

// wait returns the exit status, 128+n after signal n.
func (p *program) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("still running after %v; stderr: %s", patience, p.stderr.String())
	}
	entries, err := os.ReadDir(p.temporary)
	if err != nil || len(entries) > 0 {
		p.t.Errorf("left in the temporary folder: %v, %v", entries, err)
	}
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

func (p *program) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
}

// interruptTwice sends the second signal when the first has been noticed: two
// at once are one.
func (p *program) interruptTwice(sig syscall.Signal) {
	p.t.Helper()
	p.signal(sig)
	eventually(p.t, "the first signal is noticed", patience, func() bool {
		return strings.Contains(p.stderr.String(), "interrupted")
	})
	p.signal(sig)
}

// runToEnd runs the binary and returns what it wrote.
func runToEnd(t *testing.T, stdin string, arguments ...string) (stdout, stderr string, status int) {
	t.Helper()
	p := launch(t, strings.NewReader(stdin), arguments...)
	status = p.wait()
	return p.stdout.String(), p.stderr.String(), status
}

// locked is a buffer that may be read while a process writes to it.
type locked struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// eventually polls for something that another process does.
func eventually(t *testing.T, what string, within time.Duration, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(within)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// lines returns n lines of numbers.
func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i+1)
	}
	return b.String()
}
