package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Items that are done wait behind one that is not: the second signal must not
// take their outputs away, since the job log calls them done.
func TestASecondSignalPrintsWhatIsDone(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(p *program)
		status int
	}{
		"TERM twice": {func(p *program) { p.interruptTwice(syscall.SIGTERM) }, 143},
		"QUIT":       {func(p *program) { p.signal(syscall.SIGQUIT) }, exitQuit},
	} {
		t.Run(name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			script := `[ $1 = 1 ] && exec sleep 300; echo $1; [ $1 != 3 ] || head -c 200000 /dev/zero | tr '\0' x; [ $1 != 5 ] || exec sleep 300`
			p := launch(t, nil, "map", "-j2", "--joblog", log, "--", "sh", "-c", script, "sh", ":::", "1", "2", "3", "4", "5", "6")
			eventually(t, "three are done", patience, func() bool {
				content, _ := os.ReadFile(log)
				return strings.Count(string(content), "\tdone\t") == 3
			})
			test.end(p)
			status, stdout := p.wait(), strings.ReplaceAll(p.stdout.String(), "x", "")
			if status != test.status || stdout != "2\n3\n4\n" || strings.Contains(p.stderr.String(), "goroutine") {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, p.stderr.String())
			}
			if strings.Contains(p.stderr.String(), "not printed") {
				t.Errorf("stderr %q", p.stderr.String())
			}
			for seq, outcome := range outcomes(t, log) {
				if want := strings.Contains(stdout, seq+"\n"); (outcome == "done") != want {
					t.Errorf("item %s is %s", seq, outcome)
				}
			}
		})
	}
}

// The same with a reader that does not read: the wait is bounded, and what is
// not printed is said.
func TestWhatCannotBePrintedAfterASecondSignalIsSaid(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	log := filepath.Join(t.TempDir(), "log")
	script := `head -c 1000000 /dev/zero; [ $1 != 3 ] || exec sleep 300`
	p := prepareProgram(t, nil, "map", "-j2", "--joblog", log, "--", "sh", "-c", script, "sh", ":::", "1", "2", "3")
	p.cmd.Stdout = w
	p.start()
	w.Close()
	eventually(t, "two are done", patience, func() bool {
		content, _ := os.ReadFile(log)
		return strings.Count(string(content), "\tdone\t") == 2
	})
	p.interruptTwice(syscall.SIGINT)
	if status := p.wait(); status != 130 {
		t.Errorf("status %d", status)
	}
	if want := fmt.Sprintf("output of %d items was not printed", 2); !strings.Contains(p.stderr.String(), want) {
		t.Errorf("stderr %q", p.stderr.String())
	}
}
