package integration

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Processes that wait cost no processor time: nothing ticks in a pool, its workers, a manager, a session or the guardian.
// The figures are for three seconds and ten processes, of what does not run at all; a ticker in one of them that is due
// twenty times a second is found.
func TestIdleProcessesDoNotRun(t *testing.T) {
	const (
		window   = 3 * time.Second
		windows  = 5 // a busy machine has a late start or a collection fall into one of them
		mostTime = 10 * time.Millisecond
		mostRuns = 40
	)
	c := newMarkedCommand(t, build(t, moduleRoot(t), "./integration/testdata/program"), "idle")
	c.Stderr = os.Stderr
	output, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		t.Fatalf("it said %q: %v", line, err)
	}
	idle := false
	for range windows {
		processes, before, runsBefore := c.scheduled(t)
		<-time.After(window)
		_, after, runsAfter := c.scheduled(t)
		t.Logf("%d processes ran %d times, for %v", processes, runsAfter-runsBefore, after-before)
		if idle = processes >= 10 && after-before < mostTime && runsAfter-runsBefore < mostRuns; idle {
			break
		}
	}
	if !idle {
		t.Error("they are not idle")
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // its status is 143
	c.checkGone(t)
}

// scheduled returns how many processes the command has made, and for how long and how often their threads have run.
func (c *markedCommand) scheduled(t *testing.T) (processes int, took time.Duration, runs int) {
	t.Helper()
	members := c.members(t)
	for _, member := range members {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", member.PID))
		if err != nil {
			t.Fatal(err)
		}
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if err != nil {
				continue // it has ended
			}
			var ran, waited, slices int
			if _, err := fmt.Sscan(strings.TrimSpace(string(text)), &ran, &waited, &slices); err != nil {
				t.Skipf("%s: %q: %v", thread, text, err)
			}
			took += time.Duration(ran)
			runs += slices
		}
	}
	return len(members), took, runs
}
