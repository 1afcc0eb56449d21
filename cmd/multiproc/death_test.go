package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/joblog"
)

// killWorkers kills a random worker of p again and again until p has ended, and
// returns how many it has killed.
func killWorkers(p *program, every time.Duration) (killed int) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.ended:
			return killed
		case <-tick.C:
		}
		if workers := workersOf(p.cmd.Process.Pid); len(workers) > 0 {
			if syscall.Kill(workers[rand.IntN(len(workers))], syscall.SIGKILL) == nil {
				killed++
			}
		}
	}
}

// outcomes returns the outcome of each item by its text, and fails when an item
// has two.
func outcomes(t *testing.T, log string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	rows, ok := strings.CutPrefix(string(content), joblog.Header)
	if !ok {
		t.Errorf("no header in %q", content)
	}
	found := make(map[string]string)
	for row := range strings.Lines(rows) {
		fields := strings.Split(strings.TrimSuffix(row, "\n"), "\t")
		if len(fields) != 7 {
			t.Errorf("row %q", row)
			continue
		}
		if _, twice := found[fields[6]]; twice {
			t.Errorf("item %s has two rows", fields[6])
		}
		found[fields[6]] = fields[5]
	}
	return found
}

func TestWorkersKilledWhileItRuns(t *testing.T) {
	needProc(t)
	const items = 500
	log := filepath.Join(t.TempDir(), "log")
	p := launch(t, strings.NewReader(lines(items)), "map", "-j4", "--joblog", log, "--",
		"sh", "-c", `echo begin $1; sleep 0.01; echo end $1`, "sh")
	killed := killWorkers(p, 20*time.Millisecond)
	status := p.wait()
	if killed == 0 {
		t.Fatal("nothing was killed")
	}
	var want strings.Builder
	lost := 0
	rows := outcomes(t, log)
	for i := range items {
		switch item := fmt.Sprint(i + 1); rows[item] {
		case "done":
			fmt.Fprintf(&want, "begin %s\nend %s\n", item, item)
		case "lost":
			lost++
			if !strings.Contains(p.stderr.String(), fmt.Sprintf("item %s (", item)) {
				t.Errorf("nothing on stderr of item %s", item)
			}
		default:
			t.Errorf("item %s: %q", item, rows[item])
		}
	}
	if diff := cmp.Diff(want.String(), p.stdout.String()); diff != "" {
		t.Error(diff)
	}
	summary := fmt.Sprintf("500 items: %d done, 0 failed, 0 timeout, %d lost, 0 cancelled\n", items-lost, lost)
	if !strings.HasSuffix(p.stderr.String(), summary) {
		t.Errorf("stderr does not end with %q", summary)
	}
	if want := min(lost, 1); status != want {
		t.Errorf("status %d, want %d", status, want)
	}
	t.Logf("%d workers killed, %d items lost", killed, lost)
}

func TestWithRetriesNothingIsLost(t *testing.T) {
	needProc(t)
	const items = 300
	p := launch(t, strings.NewReader(lines(items)), "map", "-j4", "--retries", "100", "--", "echo")
	killed := killWorkers(p, 30*time.Millisecond)
	if status := p.wait(); status != 0 || p.stdout.String() != lines(items) {
		t.Errorf("status %d, %d bytes, stderr %s", status, len(p.stdout.String()), p.stderr.String())
	}
	t.Logf("%d workers killed", killed)
}

// unique returns a number of seconds to sleep that no other process sleeps.
func unique() string { return fmt.Sprintf("61.%d", time.Now().UnixNano()) }

func TestParentKilledLeavesNothing(t *testing.T) {
	needProc(t)
	seconds := unique()
	script := fmt.Sprintf(`
		head -c 300000 /dev/zero
		setsid sh -c 'trap "" TERM HUP INT; sleep %[1]s; sleep %[1]s' >/dev/null 2>&1 &
		trap "" TERM
		sleep %[1]s
		sleep %[1]s`, seconds)
	p := launch(t, strings.NewReader(lines(100)), "map", "-j3", "--", "sh", "-c", script, "sh")
	eventually(t, "three commands and their daemons run", patience, func() bool {
		return len(withCommandLine(seconds)) >= 12
	})
	p.signal(syscall.SIGKILL)
	if status := p.wait(); status != 137 {
		t.Errorf("status %d", status)
	}
	eventually(t, "no process is left", 2*time.Second, func() bool {
		return len(withCommandLine(seconds)) == 0 && len(withCommandLine(binary)) == 0
	})
}

func TestWorkerKilledTakesItsCommandWithIt(t *testing.T) {
	needProc(t)
	seconds := unique()
	p := launch(t, nil, "map", "-j1", "--", "sh", "-c", "sleep "+seconds+"; echo never", ":::", "a")
	eventually(t, "the command runs", patience, func() bool { return len(withCommandLine(seconds)) >= 2 })
	for _, worker := range workersOf(p.cmd.Process.Pid) {
		if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	if status := p.wait(); status != exitFailed || p.stdout.String() != "" {
		t.Errorf("status %d, stdout %q", status, p.stdout.String())
	}
	if left := withCommandLine(seconds); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}

func TestTimeoutsKillDaemonsAndCostNoWorker(t *testing.T) {
	needProc(t)
	seconds := unique()
	log := filepath.Join(t.TempDir(), "log")
	script := fmt.Sprintf(`echo $1; [ "$1" = quick ] && exit
		setsid sh -c 'trap "" TERM; sleep %[1]s; sleep %[1]s' &
		sleep %[1]s`, seconds)
	start := time.Now()
	stdout, stderr, status := runToEnd(t, "", "map", "-j1", "--timeout", "0.5", "--joblog", log, "--",
		"sh", "-c", script, "sh", ":::", "slow", "quick", "slow too")
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	want := map[string]string{"slow": "timeout", "quick": "done", "slow too": "timeout"}
	if diff := cmp.Diff(want, outcomes(t, log)); diff != "" || status != exitFailed {
		t.Errorf("status %d, %s", status, diff)
	}
	if stdout != "slow\nquick\nslow too\n" || strings.Count(stderr, "longer than 500ms") != 2 {
		t.Errorf("%q, %q", stdout, stderr)
	}
	if left := withCommandLine(seconds); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}

func TestWorkerToldToEndLosesItsCommand(t *testing.T) {
	needProc(t)
	seconds := unique()
	log := filepath.Join(t.TempDir(), "log")
	p := launch(t, nil, "map", "-j1", "--joblog", log, "--", "sh", "-c", "echo half; sleep "+seconds, "sh", ":::", "a")
	eventually(t, "the command runs", patience, func() bool { return len(withCommandLine(seconds)) >= 2 })
	for _, worker := range workersOf(p.cmd.Process.Pid) {
		if err := syscall.Kill(worker, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	if status := p.wait(); status != exitFailed || p.stdout.String() != "" {
		t.Errorf("status %d, stdout %q", status, p.stdout.String())
	}
	if diff := cmp.Diff(map[string]string{"a": "lost"}, outcomes(t, log)); diff != "" {
		t.Error(diff)
	}
	if left := withCommandLine(seconds); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}

// A worker that is stopped cannot kill its command: the pool ends both, and the
// message does not blame the command.
func TestAStoppedWorkerIsEndedSoonAfterTheTimeout(t *testing.T) {
	needProc(t)
	seconds := unique()
	p := launch(t, nil, "map", "-j1", "--timeout", "2s", "--", "sleep", ":::", seconds)
	eventually(t, "the command runs", patience, func() bool { return len(withCommandLine(seconds)) > 0 })
	start := time.Now()
	for _, worker := range workersOf(p.cmd.Process.Pid) {
		if err := syscall.Kill(worker, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	status := p.wait()
	if want := "2s; its worker process did not answer\n"; status != exitFailed || !strings.Contains(p.stderr.String(), want) {
		t.Errorf("status %d, stderr %q", status, p.stderr.String())
	}
	if left := withCommandLine(seconds); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	t.Logf("ended after %v", time.Since(start))
}

func TestDaemonsAreGoneAtTheEnd(t *testing.T) {
	needProc(t)
	seconds := unique()
	script := fmt.Sprintf(`setsid sleep %s >/dev/null 2>&1 & echo $1`, seconds)
	stdout, stderr, status := runToEnd(t, lines(5), "map", "--", "sh", "-c", script, "sh")
	if stdout != lines(5) || status != 0 {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	if left := withCommandLine(seconds); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}
