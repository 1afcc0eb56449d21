package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitStatusAndSummary(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	script := `case $1 in *7) exit 7;; *9) kill -9 $$;; esac; echo $1`
	_, stderr, status := runToEnd(t, lines(20), "map", "--joblog", log, "--", "sh", "-c", script, "sh")
	want := `multiproc: item 7 ("7"): exited with status 7
multiproc: item 9 ("9"): killed by signal 9 (killed)
multiproc: item 17 ("17"): exited with status 7
multiproc: item 19 ("19"): killed by signal 9 (killed)
multiproc: 20 items: 16 done, 4 failed, 0 timeout, 0 lost, 0 cancelled
`
	if stderr != want || status != 1 {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\t7\t0\tfailed\t17\n", "\t137\t9\tfailed\t19\n", "\t0\t0\tdone\t20\n"} {
		if !strings.Contains(string(content), want) {
			t.Errorf("no %q in the log", want)
		}
	}
}

func TestCommandThatCannotBeRun(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	_, stderr, status := runToEnd(t, "", "map", "--joblog", log, "--", "no-such-command", ":::", "a", "b")
	if status != exitFailed || strings.Count(stderr, "no-such-command: command not found") != 2 {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	content, _ := os.ReadFile(log)
	if strings.Count(string(content), "\t127\t0\tfailed\t") != 2 {
		t.Errorf("log %s", content)
	}
}

func TestFailFast(t *testing.T) {
	stdout, stderr, status := runToEnd(t, lines(1000), "map", "-j1", "--fail-fast", "--", "sh", "-c", "echo $1; [ $1 -lt 3 ]", "sh")
	if stdout != "1\n2\n3\n" || status != exitFailed || !strings.Contains(stderr, "3 items: 2 done, 1 failed, 0 timeout, 0 lost, 0 cancelled, stopped before the end of the input\n") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

func TestListedItemsThatWereNotBegunAreCounted(t *testing.T) {
	_, stderr, _ := runToEnd(t, "", "map", "-j1", "--fail-fast", "--", "false", ":::", "a", "b", "c")
	if !strings.Contains(stderr, "1 item: 0 done, 1 failed, 0 timeout, 0 lost, 0 cancelled, 2 not begun\n") {
		t.Errorf("stderr %q", stderr)
	}
}

// Thousands of failures must not bury everything else.
func TestFailuresAreToldUpToABound(t *testing.T) {
	_, stderr, _ := runToEnd(t, lines(100), "map", "--", "false")
	if n := strings.Count(stderr, "exited with status 1\n"); n != shownFailures {
		t.Errorf("%d failures told", n)
	}
	if !strings.Contains(stderr, "multiproc: and 80 more failures; --joblog FILE tells all\n") {
		t.Errorf("stderr %q", stderr)
	}
}

func TestItemsThatCannotBeArguments(t *testing.T) {
	input := "a\nb\x00b\n" + strings.Repeat("x", 200_000) + "\nc\n"
	stdout, stderr, status := runToEnd(t, input, "map", "--", "echo")
	if stdout != "a\nc\n" || status != exitFailed {
		t.Errorf("status %d, %q", status, stdout)
	}
	for _, want := range []string{"item 2 ", "NUL byte", "item 3 ", "longer than 131071 bytes", "4 items: 2 done, 2 failed"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr does not have %q: %.2000s", want, stderr)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	dir := t.TempDir()
	for _, arguments := range [][]string{
		{}, {"map"}, {"map", "-j0", "--", "true"}, {"map", "--no-such"}, {"nothing"},
		{"map", "--joblog", dir + "/no/log", "--", "true"},
		{"map", "--items", dir + "/none", "--", "true"},
		{"map", "--items", dir, "--", "true"},
		{"map", "--items", "x", "--", "true", ":::", "y"},
	} {
		stdout, stderr, status := runToEnd(t, "a\n", arguments...)
		if status != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 2 || !strings.HasPrefix(stderr, "multiproc: ") {
			t.Errorf("%q: status %d, %q, %q", arguments, status, stdout, stderr)
		}
	}
}

func TestDryRunRunsNothingAndIsRunnable(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	stdout, stderr, status := runToEnd(t, "a b\nit's\n-n\n", "map", "--dry-run", "--joblog", log, "--", "printf", "<%s>", "{}")
	want := "printf '<%s>' 'a b'\nprintf '<%s>' 'it'\\''s'\nprintf '<%s>' -n\n"
	if stdout != want || stderr != "" || status != 0 {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	if _, err := os.Stat(log); err == nil {
		t.Error("a dry run has made a job log")
	}
}

func TestProgressGoesToStandardErrorWhenAskedFor(t *testing.T) {
	stdout, stderr, status := runToEnd(t, "", append([]string{"map", "--progress", "--", "echo", ":::"}, strings.Fields(lines(5))...)...)
	if stdout != lines(5) || status != 0 || !strings.Contains(stderr, "items") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

func TestWithoutATemporaryFolderSmallOutputsAreFine(t *testing.T) {
	p := prepareProgram(t, nil, "map", "--", "sh", "-c", `echo small; [ $1 = a ] || head -c 1000000 /dev/zero`, "sh", ":::", "a", "b")
	p.cmd.Env = append(p.cmd.Env, "TMPDIR=/no/such/folder")
	p.start()
	if status := p.wait(); status != exitFailed || !strings.HasPrefix(p.stdout.String(), "small\n") {
		t.Errorf("status %d, %q", status, p.stdout.String())
	}
	for _, want := range []string{"temporary folder /no/such/folder: no such file or directory (set TMPDIR to one that can be written to)", "1 done, 1 failed"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("stderr does not have %q: %s", want, p.stderr.String())
		}
	}
}

func TestVersion(t *testing.T) {
	stdout, _, status := runToEnd(t, "", "version")
	if !strings.HasPrefix(stdout, "multiproc ") || status != 0 {
		t.Errorf("status %d, %q", status, stdout)
	}
}
