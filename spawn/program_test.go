package spawn_test

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

func TestNotInitialized(t *testing.T) {
	command := exec.Command("/proc/self/exe")
	command.Env = []string{programVariable + "=never calls Main"}
	out, err := command.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "true ") || !strings.Contains(string(out), "spawn.Main") {
		t.Errorf("%v, %s", err, out)
	}
}

func TestInit(t *testing.T) {
	command := exec.Command("/proc/self/exe")
	command.Env = []string{programVariable + "=has its own main"}
	if out, err := command.CombinedOutput(); err != nil || string(out) != "by Init\n<nil>\n" {
		t.Errorf("%v, %s", err, out)
	}
}

func TestMainExitStatus(t *testing.T) {
	for _, test := range []struct {
		returned string
		code     int
		message  string // on stderr
	}{
		{"nil", 0, ""},
		{"error", 1, "the reason"},
		{"status", 42, "wrapped"},
		{"canceled", 1, "context canceled"},
		{"child", 0, ""},
	} {
		t.Run(test.returned, func(t *testing.T) {
			p := run(t, "returns", test.returned)
			if line := p.stdout.next(t); line != "finalized" {
				t.Errorf("finalizers did not run: %q", line)
			}
			_ = p.Wait()
			if code := p.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit status %d, want %d", code, test.code)
			}
			message := p.stderr.String()
			if !strings.Contains(message, test.message) || test.message == "" && message != "" {
				t.Errorf("stderr %q, want %q", message, test.message)
			}
			if left := p.left(t); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestSecondSignalEndsContext(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		p := run(t, "obeys")
		send(t, p, signal)
		if line := p.stdout.next(t); line != "draining <nil>" {
			t.Errorf("after one signal: %q", line)
		}
		send(t, p, signal)
		if line := p.stdout.next(t); line != (&spawn.SignalError{Signal: signal}).Error() {
			t.Errorf("after two signals: %q", line)
		}
		_ = p.Wait()
		if code := p.ProcessState.ExitCode(); code != 128+int(signal) || p.stderr.Len() != 0 {
			t.Errorf("exit status %d, stderr %q", code, p.stderr.String())
		}
	}
}

func TestGraceEndsContext(t *testing.T) {
	p := run(t, "obeys in time")
	send(t, p, syscall.SIGTERM)
	_ = p.Wait()
	if code := p.ProcessState.ExitCode(); code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit status %d", code)
	}
}

func TestThirdSignalEndsProgram(t *testing.T) {
	p := run(t, "does not obey")
	send(t, p, syscall.SIGINT)
	if line := p.stdout.next(t); line != "ended" {
		t.Errorf("after one signal: %q", line)
	}
	send(t, p, syscall.SIGINT)
	_ = p.Wait()
	if code := p.ProcessState.ExitCode(); code != 128+int(syscall.SIGINT) {
		t.Errorf("exit status %d", code)
	}
}

func TestDrainingOfForeignContext(t *testing.T) {
	if spawn.Draining(t.Context()) != nil {
		t.Error("a context that is not ours has a channel")
	}
}

// A child that was asked, signalled or orphaned ends in time, and its status says which it was.
func TestChildEnds(t *testing.T) {
	p := begin(t, "test/wait", "", &spawn.Options{Grace: patience})
	began := time.Now()
	if err := p.Terminate(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if code := p.ExitCode(); code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("took %v", took)
	}
	if tail := p.StderrTail(); tail != "" {
		t.Errorf("stderr: %q", tail)
	}
}

func send(t *testing.T, p *program, signal syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}
