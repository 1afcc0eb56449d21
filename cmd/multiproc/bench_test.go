package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench"
)

func TestBenchWritesATableAndJSON(t *testing.T) {
	needProc(t)
	file := filepath.Join(t.TempDir(), "results.json")
	stdout, stderr, status := runToEnd(t, "", "bench", "apply", "--scale=0.01", "--runs", "2", "--against", "netrpc", "--json", file)
	if status != 0 {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var results []bench.Result
	if err := json.Unmarshal(content, &results); err != nil {
		t.Fatal(err)
	}
	systems := []string{}
	for _, r := range results {
		systems = append(systems, r.System)
		if r.Workload != "apply" || r.Runs != 2 || !strings.Contains(stdout, r.System) {
			t.Errorf("result %+v; table:\n%s", r, stdout)
		}
	}
	if diff := cmp.Diff([]string{"multiproc", "socket", "netrpc"}, systems); diff != "" {
		t.Errorf("systems %s", diff)
	}
}

func TestBenchRefusesBeforeAnythingStarts(t *testing.T) {
	for _, test := range []struct {
		why       string
		arguments []string
	}{
		{`no workload is called "no-such"; there are goals`, []string{"no-such"}},
		{`--against names "ruby"; the peers are`, []string{"--against", "ruby"}},
		{"--runs is -1", []string{"call", "--runs", "-1"}},
		{"--runs needs a value", []string{"call", "--runs"}},
		{"--runs: expected a whole number", []string{"--runs=many"}},
		{`--scale: expected a number, not "x"`, []string{"--scale", "x"}},
		{"--scale is 0", []string{"--scale", "0"}},
		{"--json: ", []string{"--json", filepath.Join(t.TempDir(), "missing", "file")}},
		{"unknown flag --no-such", []string{"--no-such"}},
	} {
		stdout, stderr, status := runToEnd(t, "", append([]string{"bench"}, test.arguments...)...)
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, test.why) ||
			!strings.HasSuffix(stderr, "\nTry 'multiproc bench --help'.\n") {
			t.Errorf("%q: status %d, stdout %q, stderr %q", test.arguments, status, stdout, stderr)
		}
	}
}

// What runs at that moment are workers, a manager, helpers, and other programs with processes of their own.
func TestBenchInterrupted(t *testing.T) {
	needProc(t)
	for _, test := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		t.Run(test.signal.String(), func(t *testing.T) {
			p := launch(t, nil, "bench", "contended", "--runs", "1000", "--against", "netrpc,python3")
			var below []int
			eventually(t, "it measures", patience, func() bool {
				below = descendants(p.cmd.Process.Pid)
				return strings.Contains(p.stderr.String(), "contended") && len(below) > 4
			})
			p.signal(test.signal)
			if status := p.wait(); status != test.status || p.stdout.String() != "" {
				t.Errorf("status %d, stdout %q, stderr %q", status, p.stdout.String(), p.stderr.String())
			}
			for _, pid := range below {
				if parent, name, zombie := describe(pid); parent != 0 && !zombie {
					t.Errorf("process %d (%s) is left", pid, name)
				}
			}
		})
	}
}

// descendants returns the processes below this one.
func descendants(ancestor int) []int {
	children := make(map[int][]int)
	for _, pid := range processes() {
		parent, _, _ := describe(pid)
		children[parent] = append(children[parent], pid)
	}
	var found []int
	for next := children[ancestor]; len(next) > 0; {
		pid := next[0]
		next = append(next[1:], children[pid]...)
		found = append(found, pid)
	}
	return found
}
