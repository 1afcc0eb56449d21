package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSameAsASerialRun(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "*", "*.go"))
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	var want strings.Builder
	for _, file := range files {
		out, err := exec.Command("cksum", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		want.Write(out)
	}
	stdin := strings.Join(files, "\n") + "\n"
	stdout, stderr, status := runToEnd(t, stdin, "map", "--", "cksum", "{}")
	if diff := cmp.Diff(want.String(), stdout); diff != "" || stderr != "" || status != 0 {
		t.Errorf("status %d, stderr %q, %s", status, stderr, diff)
	}
}

func TestOutputsAreWholeAndInOrderOnBothStreams(t *testing.T) {
	script := `i=0; while [ $i -lt 20 ]; do echo "$1 out $i"; echo "$1 err $i" >&2; i=$((i+1)); done`
	stdout, stderr, status := runToEnd(t, lines(30), "map", "-j4", "--", "sh", "-c", script, "sh")
	var wantOut, wantErr strings.Builder
	for item := 1; item <= 30; item++ {
		for i := range 20 {
			fmt.Fprintf(&wantOut, "%d out %d\n", item, i)
			fmt.Fprintf(&wantErr, "%d err %d\n", item, i)
		}
	}
	if diff := cmp.Diff(wantOut.String()+wantErr.String(), stdout+stderr); diff != "" || status != 0 {
		t.Errorf("status %d, %s", status, diff)
	}
}

func TestUnorderedPrintsAsCommandsEnd(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := exec.Command("mkfifo", fifo).Run(); err != nil {
		t.Skip(err)
	}
	// The first command ends when the second has.
	script := `if [ "$1" = first ]; then read x <"$0"; else (sleep 0.3; echo >"$0") >/dev/null 2>&1 & fi; echo $1`
	for flag, want := range map[string]string{"--unordered": "second\nfirst\n", "--keep-going": "first\nsecond\n"} {
		stdout, _, status := runToEnd(t, "", "map", "-j2", flag, "--", "sh", "-c", script, fifo, ":::", "first", "second")
		if stdout != want || status != 0 {
			t.Errorf("%s: status %d, %q", flag, status, stdout)
		}
	}
}

func TestItemsFromEverywhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "items")
	if err := os.WriteFile(file, []byte("a\nb"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, stdin string
		arguments   []string
		want        string
	}{
		{"lines", "a b\n\n-n\r\n", []string{"map", "--", "printf", "<%s>"}, "<a b><><-n\r>"},
		{"NUL", "a\nb\x00c", []string{"map", "-0", "--", "printf", "<%s>"}, "<a\nb><c>"},
		{"file", "unread", []string{"map", "--items", file, "--", "printf", "<%s>"}, "<a><b>"},
		{"a dash for stdin", "x", []string{"map", "--items", "-", "--", "printf", "<%s>"}, "<x>"},
		{"command line", "unread", []string{"map", "printf", "<%s>", ":::", "-a", "", "c d"}, "<-a><><c d>"},
		{"nothing", "", []string{"map", "--", "printf", "<%s>"}, ""},
		{"nothing listed", "unread", []string{"map", "printf", "<%s>", ":::"}, ""},
		{"stdin is not the command's", "a\nb\n", []string{"map", "--", "sh", "-c", "cat; echo $0"}, "a\nb\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, status := runToEnd(t, test.stdin, test.arguments...)
			if stdout != test.want || stderr != "" || status != 0 {
				t.Errorf("status %d, %q, %q", status, stdout, stderr)
			}
		})
	}
}

// Outputs larger than what is kept in memory, behind one that comes last.
func TestLargeOutputsWaitForTheirTurn(t *testing.T) {
	const size = 3 << 20
	script := fmt.Sprintf(`[ $1 = 1 ] && sleep 1; head -c %d /dev/zero | tr '\0' "$1"; echo; echo err $1 >&2`, size)
	stdout, stderr, status := runToEnd(t, lines(9), "map", "-j3", "--", "sh", "-c", script, "sh")
	if status != 0 {
		t.Fatalf("status %d, %s", status, stderr)
	}
	got := strings.Split(stdout, "\n")
	for i := range 9 {
		if want := strings.Repeat(fmt.Sprint(i+1), size); i >= len(got) || got[i] != want {
			t.Fatalf("output %d is not whole", i+1)
		}
	}
	if want := "err 1\nerr 2\nerr 3\n"; !strings.HasPrefix(stderr, want) {
		t.Errorf("stderr %q", stderr)
	}
}

func TestEndlessInputIsReadOnlyAsFastAsItIsUsed(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := prepareProgram(t, nil, "map", "-j2", "--", "sleep", "60")
	p.cmd.Stdin = r
	p.start()
	// One buffer, what the pipe holds, and no more.
	line := []byte(strings.Repeat("9", 1023) + "\n")
	written := make(chan int)
	go func() {
		n := 0
		defer func() { written <- n }()
		for {
			if err := w.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
				return
			}
			if _, err := w.Write(line); err != nil {
				return
			}
			n++
		}
	}()
	if n := <-written; n > 1000 {
		t.Errorf("%d KiB were read ahead", n)
	}
	w.Close()
	p.interruptTwice(syscall.SIGINT)
	if status := p.wait(); status != 130 {
		t.Errorf("status %d", status)
	}
}

func TestNobodyReadsTheOutput(t *testing.T) {
	for name, arguments := range map[string][]string{
		"endless":  {"map", "--", "echo"},
		"dry run":  {"map", "--dry-run", "--", "echo"},
		"no write": {"map", "--", "sh", "-c", `[ "$1" = 1 ] || exec sleep 60; echo $1`, "sh"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			p := prepareProgram(t, &numbers{}, arguments...)
			p.cmd.Stdout = w
			p.start()
			w.Close()
			if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || !strings.Contains(line, "1") {
				t.Errorf("first line %q, %v", line, err)
			}
			r.Close()
			start := time.Now()
			if status := p.wait(); status != exitBrokenPipe || p.stderr.String() != "" {
				t.Errorf("status %d, stderr %q", status, p.stderr.String())
			}
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// numbers is an endless input.
type numbers struct{ n int }

func (r *numbers) Read(p []byte) (int, error) {
	r.n++
	return copy(p, fmt.Sprintln(r.n)), nil
}

func TestAFullDiskIsToldAndEndsTheProgram(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, arguments := range [][]string{
		{"map", "--", "echo"}, {"map", "--dry-run", "--", "echo"}, {"version"}, {"--help"}, {"map", "--help"},
		{"bench", "--runs", "1", "--scale", "0.001", "--against=", "apply"},
	} {
		p := prepareProgram(t, strings.NewReader(lines(100)), arguments...)
		p.cmd.Stdout = full
		p.start()
		if status, said := p.wait(), p.stderr.String(); status != exitFailed || !strings.Contains(said, "no space left") || strings.Contains(said, "--help") {
			t.Errorf("%q: status %d, stderr %q", arguments, status, said)
		}
	}
}
