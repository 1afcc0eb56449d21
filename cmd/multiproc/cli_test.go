package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parsed(t *testing.T, arguments ...string) *mapFlags {
	t.Helper()
	var g grammar
	if _, _, err := parse(&g, append([]string{"map"}, arguments...), &bytes.Buffer{}); err != nil {
		t.Fatalf("%q: %v", arguments, err)
	}
	return &g.Map
}

func TestCommandAndItemsAreToldApart(t *testing.T) {
	tests := []struct {
		arguments       []string
		command, listed []string
		isListed        bool
	}{
		{[]string{"--", "wc", "-l"}, []string{"wc", "-l"}, nil, false},
		{[]string{"-j2", "wc", "-l", "{}"}, []string{"wc", "-l", "{}"}, nil, false},
		{[]string{"--", "echo", "--", "-j9"}, []string{"echo", "--", "-j9"}, nil, false},
		{[]string{"--", "--", "x"}, []string{"--", "x"}, nil, false},
		{[]string{"--", "echo", ":::", "a", "-b", "--", ":::"}, []string{"echo"}, []string{"a", "-b", "--", ":::"}, true},
		{[]string{"echo", "--help", ":::"}, []string{"echo", "--help"}, []string{}, true},
	}
	for _, test := range tests {
		command, listed, isListed := parsed(t, test.arguments...).split()
		if diff := cmp.Diff(test.command, command); diff != "" {
			t.Errorf("%q: command %s", test.arguments, diff)
		}
		if diff := cmp.Diff(test.listed, listed); diff != "" || isListed != test.isListed {
			t.Errorf("%q: items %s", test.arguments, diff)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "1h30m": 90 * time.Minute, "2": 2 * time.Second, "0.25": 250 * time.Millisecond,
	} {
		var d duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(d), err)
		}
	}
	for _, text := range []string{"", "0", "-1s", "soon", "NaN", "1e300", "-Inf"} {
		var d duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %v", text, time.Duration(d))
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing", "file")
	tests := []struct {
		why       string // part of the message
		arguments []string
	}{
		{"no command", nil},
		{"no command", []string{"--"}},
		{"no command", []string{"--", ":::", "a"}},
		{"--workers is 0", []string{"-j0", "--", "true"}},
		{"--workers is -3", []string{"--workers=-3", "--", "true"}},
		{"--workers is 99999", []string{"-j99999", "--", "true"}},
		{"--retries is -1", []string{"--retries=-1", "--", "true"}},
		{"name of the command is empty", []string{"--", "", "x"}},
		{"--items needs", []string{"--items=", "--", "true"}},
		{"--items needs", []string{"--items", "", "--", "true"}},
		{"--joblog needs", []string{"--joblog", "", "--", "true"}},
		{"--joblog needs", []string{"--joblog", "-", "--", "true"}},
		{"-0/--null", []string{"-0", "--", "true", ":::", "a"}},
		{"--workers is -1;", []string{"-j", "-1", "--", "true"}},
		{"not from both", []string{"--items", missing, "--", "true", ":::", "a"}},
		{missing, []string{"--items", missing, "--", "true"}},
		{"is a directory", []string{"--items", dir, "--", "true"}},
		{missing, []string{"--joblog", missing, "--", "true", ":::", "a"}},
	}
	for _, test := range tests {
		p, err := parsed(t, test.arguments...).plan()
		if err == nil {
			p.close()
			t.Errorf("%q was accepted", test.arguments)
		} else if !strings.Contains(err.Error(), test.why) {
			t.Errorf("%q: %v, want %q", test.arguments, err, test.why)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, arguments := range [][]string{
		{}, {"no-such"}, {"map", "--no-such", "--", "true"}, {"map", "-jx", "--", "true"},
		{"map", "--timeout", "soon", "--", "true"}, {"map", "--keep-going", "--fail-fast", "--", "true"},
		{"version", "extra"},
	} {
		var g grammar
		if _, _, err := parse(&g, arguments, &bytes.Buffer{}); err == nil {
			t.Errorf("%q was accepted", arguments)
		}
	}
}

func TestARefusedPlanLeavesNoJobLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if _, err := parsed(t, "--joblog", path, "-j0", "--", "true").plan(); err == nil {
		t.Fatal("accepted")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the log was created")
	}
}

func TestHelpShowsHowToCallIt(t *testing.T) {
	var help bytes.Buffer
	var g grammar
	if _, done, err := parse(&g, []string{"map", "--help"}, &help); !done || err != nil {
		t.Fatal(done, err)
	}
	for _, want := range []string{mapUsage, "Examples:", "--joblog=FILE", "Exit status", "some 4 seconds more",
		"local time (RFC 3339)", "cancelled", "exit is 128+n", `are \\, \t, \n and \r`, "129 after SIGHUP", "131 after SIGQUIT", "141 when", "--[no-]progress"} {
		if !strings.Contains(strings.Join(strings.Fields(help.String()), " "), want) { // wherever its lines are broken
			t.Errorf("help does not have %q", want)
		}
	}
}
