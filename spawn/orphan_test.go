//go:build linux

package spawn_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whatever a program has started is gone soon after it was killed: what watches its lifeline, and what cannot.
func TestKilledParentLeavesNothing(t *testing.T) {
	const stubborn = "trap '' TERM HUP; echo $$; while :; do sleep 1; done"
	for _, test := range []struct {
		name string
		args []string
	}{
		{"nothing started", nil},
		{"children that heed", []string{"test/wait", "test/wait", "test/wait"}},
		{"child that does not heed", []string{"test/deaf"}},
		{"stopped child", []string{"test/wait", "stop"}},
		{"command of a child", []string{"test/shell=" + stubborn}},
		{"command in a session of its own", []string{"test/shell=setsid sh -c \"" + stubborn + "\" & wait"}},
		{"stopped child with a command", []string{"test/shell=" + stubborn, "stop"}},
		{"nested children", []string{"test/nest=test/wait", "test/nest=test/deaf"}},
		{"child that is never ready", []string{"never ready=test/hang"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := run(t, "starts roles", test.args...)
			if len(test.args) > 0 {
				eventually(t, patience, "guardian started", func() bool { return len(p.guardians(t)) > 0 })
			}
			if err := p.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			took := eventually(t, patience, "no process left", func() bool { return len(p.left(t)) == 0 })
			t.Logf("all gone after %v", took.Round(time.Millisecond))
		})
	}
}

// A parent may die at any moment of a child's boot. The delays only spread the moments.
func TestParentKilledDuringBoot(t *testing.T) {
	for _, name := range []string{"keeps starting", "keeps starting" + hanging} {
		for delay := range 5 {
			t.Run(fmt.Sprintf("%s, killed after %d ms", name, 3*delay), func(t *testing.T) {
				t.Parallel()
				p := run(t, name, "test/wait")
				<-time.After(3 * time.Duration(delay) * time.Millisecond)
				if err := p.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				took := eventually(t, patience, "no process left", func() bool { return len(p.left(t)) == 0 })
				t.Logf("all gone after %v", took.Round(time.Millisecond))
			})
		}
	}
}

// The guardian is one for each program, and holds nothing that others wait for.
func TestGuardian(t *testing.T) {
	p := run(t, "starts roles", "test/wait", "test/nest=test/wait")
	eventually(t, patience, "guardian started", func() bool { return len(p.guardians(t)) > 0 })
	found := p.guardians(t)
	if len(found) != 1 {
		t.Fatalf("%d guardians", len(found))
	}
	eventually(t, patience, "guardian holds no pipe but its lifeline", func() bool { return len(pipes(found[0])) == 0 })
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); p.ProcessState.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("the program ended with %v: %s", err, p.stderr.String())
	}
	if left := p.left(t); len(left) != 0 {
		t.Errorf("left after the program's own exit: %v", left)
	}
}

// pipes are the numbers of the pipes that a process has open, but for its lifeline.
func pipes(pid string) (numbers []string) {
	directory := "/proc/" + pid + "/fd/"
	links, err := os.ReadDir(directory)
	if err != nil {
		return []string{err.Error()}
	}
	for _, link := range links {
		target, err := os.Readlink(directory + link.Name())
		if err == nil && strings.HasPrefix(target, "pipe:") && link.Name() != "3" {
			numbers = append(numbers, link.Name())
		}
	}
	return numbers
}

// guardians are the pids of the guardians below the program's mark.
func (p *program) guardians(t *testing.T) (found []string) {
	for _, member := range p.left(t) {
		command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", member.PID))
		if err == nil && strings.Contains(string(command), "\x00guardian\x00") {
			found = append(found, fmt.Sprint(member.PID))
		}
	}
	return found
}

// A child that loses its parent takes with it what it had started, even if there is no guardian to do so, and also if it ends
// before it hears of that.
func TestOrphanSweepsForItself(t *testing.T) {
	const stubborn = "=trap '' TERM HUP; echo $$; sleep 1000"
	for _, program := range [][]string{{"test/shell" + stubborn}, {"test/first" + stubborn, "order"}} {
		p := run(t, "starts roles", program...)
		eventually(t, patience, "guardian started", func() bool { return len(p.guardians(t)) > 0 })
		if err := p.Process.Signal(syscall.SIGSTOP); err != nil { // so that it starts no other guardian
			t.Fatal(err)
		}
		for _, pid := range p.guardians(t) {
			if err := identity(t, pid).Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		eventually(t, patience, "no process left", func() bool { return len(p.left(t)) == 0 })
	}
}
