package integration

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/finalize"
)

// openTerminal returns both ends of a new terminal, of which the program is to have the second.
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	return keyboard, screen
}

// A marked command is one whose descendants can be found by a mark.
type markedCommand struct {
	*exec.Cmd
	mark string
}

func newMarkedCommand(t *testing.T, name string, args ...string) *markedCommand {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), chaosPatience)
	t.Cleanup(cancel)
	c := &markedCommand{exec.CommandContext(ctx, name, args...), finalize.NewMark("")}
	c.Env = append(os.Environ(), finalize.MarkVariable+"="+c.mark)
	return c
}

// checkGone fails the test if what the command has started is not gone soon.
func (c *markedCommand) checkGone(t *testing.T) {
	t.Helper()
	waitUntil(t, "the program has left nothing", func() bool { return len(c.members(t)) == 0 })
}

// members are the processes that belong to the command now.
func (c *markedCommand) members(t *testing.T) []finalize.Identity {
	t.Helper()
	members, err := finalize.Tree{Marks: []string{c.mark}}.Members()
	if err != nil {
		t.Fatal(err)
	}
	return members
}

// Ctrl-C goes to everybody in the terminal's foreground group. Of a program that is its first process alone, which lets the
// tasks under way finish; so do they if the program runs under `go run`, which gets it as well.
func TestInterruptFromTheTerminal(t *testing.T) {
	program := build(t, moduleRoot(t), "./integration/testdata/program")
	for name, test := range map[string]struct {
		command []string
		status  int
	}{
		"program": {[]string{program, "drain"}, 130},
		"shell":   {[]string{"sh", "-c", program + " drain; exit $?"}, 130},
		"go run":  {[]string{"go", "run", "./integration/testdata/program", "drain"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			keyboard, screen := openTerminal(t)
			c := newMarkedCommand(t, test.command[0], test.command[1:]...)
			c.Dir = moduleRoot(t)
			c.Stdin, c.Stdout, c.Stderr = screen, screen, screen
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if err := screen.Close(); err != nil { // so that the end of the program ends what is read
				t.Fatal(err)
			}
			var said []string
			for lines := bufio.NewScanner(keyboard); lines.Scan(); {
				said = append(said, strings.TrimPrefix(strings.TrimSpace(lines.Text()), "^C"))
				if said[len(said)-1] != "ready" {
					continue
				}
				if _, err := keyboard.WriteString("\x03"); err != nil {
					t.Fatal(err)
				}
			}
			_ = c.Wait() // its status is looked at
			if !strings.Contains(strings.Join(said, "\n"), "finished 2 <nil>") {
				t.Errorf("the tasks did not finish; it said %q", said)
			}
			if status := c.ProcessState.ExitCode(); status != test.status && name != "shell" {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			c.checkGone(t)
		})
	}
}

// A program whose reader leaves ends, and its workers with it.
func TestPipelineThatIsClosed(t *testing.T) {
	program := build(t, moduleRoot(t), "./integration/testdata/program")
	c := newMarkedCommand(t, "sh", "-c", program+" print | head -n 3")
	output, err := c.Output()
	if err != nil || string(output) != strings.Repeat("a line\n", 3) {
		t.Errorf("%v, got %q", err, output)
	}
	c.checkGone(t)
}

// A program that is the first process of a container, and so gets what loses its parent there, leaves no zombie of what
// its workers had started.
func TestFirstProcessOfAContainer(t *testing.T) {
	container := newContainer(t, "--pid", "--fork", "--mount-proc", "--kill-child")
	program := build(t, moduleRoot(t), "./integration/testdata/program")
	c := newMarkedCommand(t, "unshare", append(container, program, "desert")...)
	output, err := c.CombinedOutput()
	if err != nil || string(output) != "pid 1\n" {
		t.Errorf("%v: %s", err, output)
	}
	c.checkGone(t)

	c = newMarkedCommand(t, "unshare", append(container, program, "drain")...)
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		t.Fatalf("%v: %q", err, line)
	}
	if err := syscall.Kill(onlyChild(t, c.Process.Pid), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil || string(rest) != "finished 2 <nil>\n" {
		t.Errorf("%v: %q", err, rest)
	}
	_ = c.Wait() // its status is looked at
	if status := c.ProcessState.ExitCode(); status != 143 {
		t.Errorf("exit status %d, want 143", status)
	}
	c.checkGone(t)
}

// newContainer returns the arguments of unshare(1) for namespaces of the kinds given.
func newContainer(t *testing.T, kinds ...string) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		kinds = append(kinds, "--user", "--map-root-user")
	}
	if output, err := exec.CommandContext(t.Context(), "unshare", append(kinds, "true")...).CombinedOutput(); err != nil {
		t.Skipf("containers cannot be made here: %v: %s", err, output)
	}
	return kinds
}

// Where the folder for temporary files is full or missing, pools work, and so do managers, or they say what they lack.
func TestFolderForSocketsThatCannotBeUsed(t *testing.T) {
	container := newContainer(t, "--mount")
	program := build(t, moduleRoot(t), "./integration/testdata/program")
	shared, err := os.Stat("/dev/shm")
	works := err == nil && shared.Mode()&os.ModeSticky != 0 && os.Geteuid() == 0
	for name, prepare := range map[string]string{
		"full":      "mount -t tmpfs -o size=64k,nr_inodes=3 none $TMPDIR && { cat /dev/zero >$TMPDIR/a 2>&-; : >$TMPDIR/b; }",
		"read-only": "mount -t tmpfs -o ro none $TMPDIR",
		"missing":   "TMPDIR=$TMPDIR/missing",
	} {
		t.Run(name, func(t *testing.T) {
			c := newMarkedCommand(t, "unshare", append(container, "sh", "-c", "{ "+prepare+"; } && exec "+program+" manage")...)
			folder := filepath.Join(os.TempDir(), name) // t.TempDir's name would be too long for a socket
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(folder) })
			c.Env = append(c.Env, "TMPDIR="+folder)
			output, err := c.CombinedOutput()
			said := string(output)
			if err != nil || said != "a manager: <nil>\n" && (works || !strings.Contains(said, folder)) {
				t.Errorf("%v: %s", err, said)
			}
			t.Log(said)
			c.checkGone(t)
		})
	}
}

// onlyChild returns the pid of the only child of a process.
func onlyChild(t *testing.T, pid int) int {
	t.Helper()
	children, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "task", fmt.Sprint(pid), "children"))
	if err != nil {
		t.Skip(err)
	}
	child := 0
	if n, err := fmt.Sscan(string(children), &child); n != 1 {
		t.Fatalf("the children of %d are %q: %v", pid, children, err)
	}
	return child
}
