package bench

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func namesOf(t *testing.T, names ...string) []string {
	t.Helper()
	chosen, err := choose(names)
	if err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, w := range chosen {
		found = append(found, w.Name)
	}
	return found
}

func TestChoice(t *testing.T) {
	if got := namesOf(t, "lock", "call", "call"); !slices.Equal(got, []string{"call", "lock"}) {
		t.Errorf("chosen %v", got)
	}
	if got := namesOf(t, "locks"); !slices.Equal(got, []string{"locks-1", "locks-10000"}) {
		t.Errorf("the curve locks is %v", got)
	}
	goals, growing, all := namesOf(t), namesOf(t, groupGrowth), namesOf(t, groupAll)
	if !slices.Equal(goals, namesOf(t, groupGoals)) || !slices.Equal(slices.Concat(goals, growing), all) {
		t.Errorf("goals %v, growth %v, all %v", goals, growing, all)
	}
	unique := slices.Compact(slices.Sorted(slices.Values(Names())))
	if len(unique) != len(Names()) {
		t.Errorf("a name stands for two things: %v", Names())
	}
}

func TestEverythingIsDescribedWithItsUnit(t *testing.T) {
	description := Describe()
	for _, want := range []string{
		"  memory      proportional memory (PSS) of an idle worker, of 4 (MiB)\n",
		"  workers     tiny tasks one by one through so many workers (k/s): -1 -10 -100\n" +
			"              start of a pool of so many until each has answered, for each worker (ms): -1-start -10-start -100-start\n",
		"  payload     a payload of so many bytes to a worker and back, one at a time (µs): -10B -1KiB -64KiB -1MiB -64MiB\n",
	} {
		if !strings.Contains(description, want) {
			t.Errorf("no %q in:\n%s", want, description)
		}
	}
	for _, w := range growth()[3].workloads() {
		if size := strings.TrimPrefix(w.Name, "payload-"); strings.Contains(w.About, size) || strings.Contains(size, " ") {
			t.Errorf("%s is %q", w.Name, w.About)
		}
	}
}

func TestValidationTellsEverythingAtOnce(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := &Options{
		Names: []string{"call", "no-such"}, Against: []string{"pond", "no-peer"}, Runs: 0, Scale: math.NaN(),
		JSON: folder, Report: filepath.Join(folder, "missing", "file"),
	}
	err := o.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`no workload is called "no-such"; there are goals, growth, all, call, `, `"no-peer"; the peers are python3, netrpc, pond`,
		"--runs is 0", "--scale is NaN", "--json: " + folder + " is a directory", "--report: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said in: %v", want, err)
		}
	}
	for _, o := range []Options{{Runs: 1001, Scale: 1}, {Runs: 1, Scale: -1}, {Runs: 1, Scale: 1001}, {Runs: 1, Scale: 1, JSON: file + "/below"}} {
		if err := o.Validate(); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	for _, o := range []Options{{Runs: 1, Scale: 0.1}, {Runs: 1000, Scale: 1, JSON: file, Report: filepath.Join(folder, "new")}} {
		if err := o.Validate(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
