package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/spawn"
)

func TestOptions(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		fact    string
		options *spawn.Options
		want    string
	}{
		{"procs", &spawn.Options{Procs: 1, Env: []string{"A=1"}}, "1 1 "},
		{"procs", &spawn.Options{Procs: 1, Env: []string{"GOMAXPROCS=7"}}, "1 1 7"},
		{"procs", &spawn.Options{Env: []string{"GOMAXPROCS=3"}}, "3 3 3"},
		{"memory", &spawn.Options{MemoryLimit: 64 << 20}, fmt.Sprint(64 << 20)},
		{"dir", &spawn.Options{Dir: dir}, dir},
		{"stdin", nil, ""},
		{"stdin", &spawn.Options{Stdin: strings.NewReader("some input")}, "some input"},
		{"stdin", &spawn.Options{Stdin: iotest.ErrReader(errors.New("broken"))}, ""},
		{"args", &spawn.Options{Name: "a name"}, ""},
		{"parent", nil, fmt.Sprint(os.Getpid(), true)},
		{"nofile", &spawn.Options{Limits: []spawn.Limit{{Resource: syscall.RLIMIT_NOFILE, Soft: 100, Hard: 200}}}, "100"},
		{"nice", &spawn.Options{Niceness: 5}, fmt.Sprint(min(19, ownNiceness(t)+5))},
	} {
		t.Run(test.fact, func(t *testing.T) {
			p := begin(t, "test/facts", test.fact, test.options)
			if p.Address() != test.want {
				t.Errorf("%q, want %q", p.Address(), test.want)
			}
		})
	}
}

// ownNiceness returns that of this process, to which a child's is added.
func ownNiceness(t *testing.T) int {
	t.Helper()
	raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		return 20 - raw // so the system call has it
	}
	return raw
}

func TestName(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	p := begin(t, "test/facts", "name", &spawn.Options{Name: "name of a child"})
	if want := "name of a child name of a child"; p.Address() != want {
		t.Errorf("%q, want %q", p.Address(), want)
	}
	p = begin(t, "test/facts", "name", nil)
	if want := "facts facts"; p.Address() != want {
		t.Errorf("%q, want %q", p.Address(), want)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("MULTIPROC_TEST_GIVEN", "by the parent")
	lines := strings.Split(begin(t, "test/facts", "env", nil).Address(), "\n")
	if !slices.Contains(lines, "MULTIPROC_TEST_GIVEN=by the parent") {
		t.Error("the parent's environment is not the child's")
	}
	if slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "MULTIPROC_CHILD") }) {
		t.Error("the marker is visible to the program")
	}
	p := begin(t, "test/facts", "env", &spawn.Options{Env: []string{"A=b", "GORACE=" + os.Getenv("GORACE"), finalize.MarkVariable + "=forged"}})
	if want := "A=b\nGORACE=" + os.Getenv("GORACE") + "\n" + finalize.MarkVariable + "=" + p.Mark(); p.Address() != want {
		t.Errorf("environment %q, want %q", p.Address(), want)
	}
}

func TestAffinity(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("affinity is Linux's")
	}
	p := begin(t, "test/facts", "status", &spawn.Options{Affinity: []int{0}})
	if !strings.Contains(p.Address(), "Cpus_allowed_list:\t0\n") {
		t.Errorf("the child may run elsewhere: %s", p.Address())
	}
	p = begin(t, "test/facts", "status", nil)
	if runtime.NumCPU() > 1 && strings.Contains(p.Address(), "Cpus_allowed_list:\t0\n") {
		t.Error("the parent has kept the affinity of a child")
	}
	if _, err := spawn.StartRole(t.Context(), "test/wait", nil, nil, &spawn.Options{Affinity: []int{1023}}); err == nil {
		t.Error("a child was started on a processor that is not there")
	}
}

func TestLimitThatCannotBeSet(t *testing.T) {
	limit := spawn.Limit{Resource: 999, Soft: 1, Hard: 1}
	_, err := spawn.StartRole(t.Context(), "test/wait", nil, nil, &spawn.Options{Limits: []spawn.Limit{limit}})
	if err == nil || !strings.Contains(err.Error(), "resource 999") {
		t.Errorf("%v", err)
	}
}

func TestGroup(t *testing.T) {
	p := begin(t, "test/facts", "group", nil)
	if p.Address() != fmt.Sprint(p.PID()) {
		t.Errorf("the child's group is %s, its pid %d", p.Address(), p.PID())
	}
}

func TestOutput(t *testing.T) {
	var out, errOut strings.Builder
	p := begin(t, "test/exit", "stderr", &spawn.Options{Stdout: &out, Stderr: &errOut})
	if err := p.Wait(t.Context()); err == nil {
		t.Error("no error")
	}
	if errOut.Len() != 20_003 || out.Len() != 0 {
		t.Errorf("%d bytes on stderr, %d on stdout", errOut.Len(), out.Len())
	}
}

func TestOutputToFile(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := begin(t, "test/exit", "stderr", &spawn.Options{Stderr: file})
	<-p.Done()
	if info, err := file.Stat(); err != nil || info.Size() != 20_003 {
		t.Errorf("%v bytes, %v", info.Size(), err)
	}
	if p.StderrTail() != "" {
		t.Error("there is a tail of what went to a file")
	}
}

// A writer that blocks delays what waits for the output, and not what waits for the process.
func TestOutputThatBlocks(t *testing.T) {
	read, write := io.Pipe()
	p := begin(t, "test/exit", "stderr", &spawn.Options{Stderr: write})
	<-p.Done()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	_ = read.Close()
	var exit *spawn.ExitError
	if err := p.Wait(t.Context()); !errors.As(err, &exit) {
		t.Errorf("Wait: %v", err)
	}
}

// A command that a child starts has none of our descriptors: it could keep a parent's death from being noticed.
func TestCommandsInheritNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	before := begin(t, "test/facts", "descriptors", nil).Address()
	for line := range strings.Lines(before) {
		_, target, ok := strings.Cut(line, " -> ")
		if !ok || strings.Contains(line, " 2 -> ") || strings.Contains(line, " 1 -> ") || strings.Contains(line, " 0 -> ") {
			continue
		}
		if strings.Contains(target, "memfd:") || strings.Contains(line, " 3 -> pipe") || strings.Contains(line, " 4 -> pipe") {
			t.Errorf("a command inherits %s", line)
		}
	}
}

func TestDetached(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks for marks")
	}
	p := begin(t, "test/nest-detached", "", nil)
	id := identity(t, p.Address())
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.Swept()
	if !id.Alive() {
		t.Error("the detached child of a child that was killed is gone")
	}
	if err := id.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the detached child ended", func() bool { return !id.Alive() })
}

// What a child has started is gone soon after it, however the child ended.
func TestSweep(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks for marks")
	}
	for name, command := range map[string]string{
		"in its group":   "trap '' TERM; echo $$; sleep 1000",
		"in a session":   "setsid sh -c 'trap \"\" TERM; echo $$; sleep 1000'",
		"of an orphan's": "(setsid sh -c 'echo $$; sleep 1000' &) ; wait; sleep 1000",
	} {
		t.Run(name, func(t *testing.T) {
			p := begin(t, "test/shell", command, nil)
			id := identity(t, p.Address())
			if err := p.Kill(); err != nil {
				t.Fatal(err)
			}
			<-p.Swept()
			if id.Alive() {
				t.Error("a command has survived the child that had started it")
			}
		})
	}
}

// identity is that of the process whose pid a child has answered with.
func identity(t *testing.T, address string) finalize.Identity {
	t.Helper()
	var pid int
	if _, err := fmt.Sscan(address, &pid); err != nil {
		t.Fatalf("%q: %v", address, err)
	}
	id, err := finalize.Identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
