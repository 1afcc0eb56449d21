package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFirstSignalDrainsAndSecondKills(t *testing.T) {
	needProc(t)
	for _, test := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		t.Run(fmt.Sprint("drain by ", test.signal), func(t *testing.T) {
			dir := t.TempDir()
			log := filepath.Join(dir, "log")
			// The commands end when the test lets them.
			script := fmt.Sprintf(`echo > %[1]s/began$1; while [ ! -e %[1]s/go ]; do sleep 0.02; done; echo $1`, dir)
			p := launch(t, &numbers{}, "map", "-j2", "--joblog", log, "--", "sh", "-c", script, "sh")
			eventually(t, "two commands run", patience, func() bool {
				began, _ := filepath.Glob(dir + "/began*")
				return len(began) == 2
			})
			p.signal(test.signal)
			eventually(t, "it is said", patience, func() bool {
				return strings.Contains(p.stderr.String(), "waiting for what runs (2)")
			})
			if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if status := p.wait(); status != test.status {
				t.Errorf("status %d", status)
			}
			if p.stdout.String() != "1\n2\n" || len(outcomes(t, log)) != 2 {
				t.Errorf("stdout %q, log %v", p.stdout.String(), outcomes(t, log))
			}
			if !strings.Contains(p.stderr.String(), "2 items: 2 done, 0 failed") {
				t.Errorf("stderr %q", p.stderr.String())
			}
		})
		t.Run(fmt.Sprint("kill by ", test.signal), func(t *testing.T) {
			seconds := unique()
			log := filepath.Join(t.TempDir(), "log")
			script := fmt.Sprintf(`echo half; trap '' TERM INT; sleep %[1]s; sleep %[1]s`, seconds)
			p := launch(t, &numbers{}, "map", "-j2", "--joblog", log, "--", "sh", "-c", script, "sh")
			eventually(t, "two commands run", patience, func() bool { return len(withCommandLine(seconds)) >= 4 })
			p.interruptTwice(test.signal)
			if status := p.wait(); status != test.status || p.stdout.String() != "" {
				t.Errorf("status %d, stdout %q", status, p.stdout.String())
			}
			if left := withCommandLine(seconds); len(left) > 0 {
				t.Errorf("still running: %v", left)
			}
			rows := outcomes(t, log)
			if len(rows) != 2 || rows["1"] != "cancelled" || rows["2"] != "cancelled" {
				t.Errorf("log %v", rows)
			}
		})
	}
}

func TestSignalWhileWaitingForInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p := prepareProgram(t, nil, "map", "--", "echo")
	p.cmd.Stdin = r
	p.start()
	r.Close()
	fmt.Fprintln(w, "one")
	eventually(t, "the first item is done", patience, func() bool { return p.stdout.String() == "one\n" })
	p.signal(syscall.SIGINT)
	if status := p.wait(); status != 130 {
		t.Errorf("status %d, stderr %q", status, p.stderr.String())
	}
}

func TestSecondSignalWhileNobodyReadsTheOutput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := prepareProgram(t, nil, "map", "-j1", "--", "sh", "-c", "head -c 10000000 /dev/zero", "sh", ":::", "a")
	p.cmd.Stdout = w
	p.start()
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil { // the rest fills the pipe and blocks
		t.Fatal(err)
	}
	p.signal(syscall.SIGINT)
	p.signal(syscall.SIGTERM) // another one, so that they do not become one
	if status := p.wait(); status != 130 && status != 143 {
		t.Errorf("status %d, stderr %q", status, p.stderr.String())
	}
}
