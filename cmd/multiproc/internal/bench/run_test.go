package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/multiproc-go/multiproc/spawn"
)

// quick is all of what names say, at sizes that take no time.
func quick(t *testing.T, names ...string) *Options {
	t.Helper()
	o := &Options{
		Names: names, Against: Peers(), Runs: 1, Scale: 0.0005, small: true,
		JSON: filepath.Join(t.TempDir(), "results.json"), Report: filepath.Join(t.TempDir(), "REPORT.md"),
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	return o
}

// measured runs o and returns what its JSON file has, and what was written to stderr.
func measured(t *testing.T, o *Options) (results []Result, messages string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("some workloads need /proc")
	}
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	if err := Run(t.Context(), o, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	content, err := os.ReadFile(o.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &results); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(o.Report)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Runs != o.Runs || !(0 < r.Min && r.Min <= r.Median && r.Median <= r.Max) || r.Unit == "" {
			t.Errorf("result %+v", r)
		}
		if !strings.Contains(stdout.String(), r.System) || !strings.Contains(string(report), "| "+r.System+" |") {
			t.Errorf("%s is not in the table or the report:\n%s\n%s", r.System, stdout.String(), report)
		}
	}
	entries, err := os.ReadDir(os.TempDir())
	if err != nil || len(entries) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", entries, err)
	}
	if children := spawn.ActiveChildren(); len(children) > 0 {
		t.Errorf("processes are left: %v", children)
	}
	return results, stderr.String()
}

func systemsOf(results []Result) map[string][]string {
	found := make(map[string][]string)
	for _, r := range results {
		found[r.Workload] = append(found[r.Workload], r.System)
	}
	return found
}

// Every system of every workload either has figures, or its peer is said to be absent.
func TestEveryWorkload(t *testing.T) {
	o := quick(t, groupAll)
	if testing.Short() {
		o.Against = []string{netrpc}
	}
	results, messages := measured(t, o)
	found := systemsOf(results)
	chosen, err := choose(o.Names)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range chosen {
		want := []string{}
		for _, s := range w.systems {
			left := s.peer != "" && (strings.Contains(messages, s.peer+" is left out: ") || !contains(o.Against, s.peer))
			if !left {
				want = append(want, s.name)
			}
		}
		if strings.Join(found[w.Name], ",") != strings.Join(want, ",") {
			t.Errorf("%s has figures of %v, want %v\n%s", w.Name, found[w.Name], want, messages)
		}
	}
}

func contains(list []string, element string) bool {
	return strings.Contains(","+strings.Join(list, ",")+",", ","+element+",")
}

func TestPeersThatAreNotAtHandAreLeftOut(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	results, messages := measured(t, quick(t, "map", "stream", "lock"))
	for name, want := range map[string]string{
		"map": "multiproc,channel", "stream": "multiproc,channel,netrpc", "lock": "multiproc,mutex",
	} {
		if got := strings.Join(systemsOf(results)[name], ","); got != want {
			t.Errorf("%s has figures of %s, want %s", name, got, want)
		}
	}
	for _, want := range []string{"python3 is left out: there is no python3", "pond is left out: there is no Go toolchain"} {
		if strings.Count(messages, want) != 1 {
			t.Errorf("messages have %q not just once:\n%s", want, messages)
		}
	}
}

// A peer that is there and does not work is left out as well.
func TestAPeerThatDoesNotRunIsLeftOut(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"python3", "go"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\necho broken >&2; exit 3\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
	_, messages := measured(t, quick(t, "stream"))
	for _, want := range []string{"python3 is left out: " + folder + "/python3 does not run", "pond is left out: it cannot be built: exit status 3: broken"} {
		if !strings.Contains(messages, want) {
			t.Errorf("messages lack %q:\n%s", want, messages)
		}
	}
}

func TestPeersThatWereNotAskedForAreNotMentioned(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	o := quick(t, "stream")
	o.Against = nil
	results, messages := measured(t, o)
	if got := strings.Join(systemsOf(results)["stream"], ","); got != "multiproc,channel" || strings.Contains(messages, "left out") {
		t.Errorf("figures of %s; %s", got, messages)
	}
}
