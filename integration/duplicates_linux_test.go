package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The example ends with one line when its manager is killed, and not with one for each file that is left.
func TestDuplicatesExampleLosesItsManager(t *testing.T) {
	program := build(t, moduleRoot(t), "./examples/duplicates")
	folder := t.TempDir()
	for i := range 2000 { // of 256 KiB, so that it does not end at once
		file := filepath.Join(folder, fmt.Sprint(i))
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, 256<<10); err != nil {
			t.Fatal(err)
		}
	}
	c := newMarkedCommand(t, program, folder)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "there is a worker", func() bool { return c.find(t, "pool-1") != 0 })
	manager := c.find(t, "manager")
	if manager == 0 {
		t.Fatal("it has ended before its manager could be killed")
	}
	if err := syscall.Kill(manager, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 1 {
		t.Error(err)
	}
	if lines := strings.Count(output.String(), "\n"); lines > 3 || !strings.Contains(output.String(), "the manager is lost") {
		t.Errorf("%d lines:\n%.1000s", lines, output.String())
	}
	c.checkGone(t)
}

// find returns the pid of a process that the command has started under a name, or 0.
func (c *markedCommand) find(t *testing.T, name string) int {
	t.Helper()
	for _, member := range c.members(t) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", member.PID))
		if err == nil && strings.HasSuffix(string(line), "\x00"+name+"\x00") {
			return member.PID
		}
	}
	return 0
}
