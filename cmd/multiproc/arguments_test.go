package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMessagesSayWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ arguments, want string }{
		{"map --timeout -5 -- true", "--timeout: must be more than zero"},
		{"map -j -1 -- true", "--workers is -1; it must be from 1"},
		{"map -j x -- true", `--workers: expected a whole number, not "x"`},
		{"map --retries many -- true", `--retries: expected a whole number, not "many"`},
		{"map --timeout soon -- true", `or a number of seconds, not "soon"`},
		{"version extra", "unexpected argument extra\nTry 'multiproc version --help'."},
		{"map --timeout", "--timeout needs a value\n"},
		{"map --timeout -- true", "--timeout needs a value, and -- looks like none"},
		{"map --joblog -j2 -- true", "--joblog needs a value, and -j2 looks like none"},
		{"frob x", `unknown command "frob"`},
		{"-j 3 -- true", "-j: flags come after the word map"},
	} {
		_, stderr, status := runToEnd(t, "", strings.Fields(test.arguments)...)
		if status != exitUsage || !strings.Contains(stderr, test.want) || strings.Contains(stderr, "did you mean") {
			t.Errorf("%s: status %d, %q", test.arguments, status, stderr)
		}
	}
	if stdout, _, status := runToEnd(t, "", "--version"); status != 0 || !strings.HasPrefix(stdout, "multiproc ") {
		t.Errorf("--version: status %d, %q", status, stdout)
	}
}

// Creating the job log would empty the input, or the output of the run.
func TestAJobLogThatIsAnotherStreamIsRefused(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.Link(write(t, path), link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what   string
		stream func(*program, *os.File)
		items  []string
	}{
		{"the file of --items", func(*program, *os.File) {}, []string{"--items", path}},
		{"standard input", func(p *program, f *os.File) { p.cmd.Stdin = f }, nil},
		{"standard output", func(p *program, f *os.File) { p.cmd.Stdout = f }, nil},
	} {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		p := prepareProgram(t, nil, append(append([]string{"map", "--joblog", link}, test.items...), "--", "echo")...)
		test.stream(p, f)
		p.start()
		status := p.wait()
		f.Close()
		if status != exitUsage || !strings.Contains(p.stderr.String(), "is the same file as "+test.what) {
			t.Errorf("%s: status %d, %q", test.what, status, p.stderr.String())
		}
		if content, err := os.ReadFile(path); err != nil || string(content) != "one\n" {
			t.Errorf("%s: %q, %v", test.what, content, err)
		}
	}
}

func write(t *testing.T, path string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
