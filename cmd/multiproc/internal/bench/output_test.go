package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// someResults are of no measurement.
func someResults() []Result {
	return []Result{
		{"call", "multiproc", "µs", 10, 8, 12.5, 5, "a call, one caller", false},
		{"call", "netrpc", "µs", 25, 20, 1234.5, 5, "a call, one caller", false},
		{"call", "python3", "µs", 5, 4.5, 6, 5, "a call, one caller", false},
		{"stream", "multiproc", "k/s", 1000, 900, 1100, 5, "tasks", true},
		{"stream", "pond", "k/s", 250, 249.96, 251, 5, "tasks", true},
		{"alone", "python3", "ms", 0.00012, 0, 1, 5, "what multiproc failed to do", false},
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := writeTable(&out, someResults()); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
workload  system        median        min        max  unit  multiproc is
call      multiproc       10.0       8.00       12.5  µs                
          netrpc          25.0       20.0       1234  µs           2.50×
          python3         5.00       4.50       6.00  µs          0.500×
stream    multiproc       1000        900       1100  k/s               
          pond             250        250        251  k/s          4.00×
alone     python3     0.000120          0       1.00  ms                
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := writeJSON(&out, someResults()[:2]); err != nil {
		t.Fatal(err)
	}
	want := `[
  {
    "workload": "call",
    "system": "multiproc",
    "unit": "µs",
    "median": 10,
    "min": 8,
    "max": 12.5,
    "runs": 5
  },
  {
    "workload": "call",
    "system": "netrpc",
    "unit": "µs",
    "median": 25,
    "min": 20,
    "max": 1234.5,
    "runs": 5
  }
]
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	out.Reset()
	if err := writeJSON(&out, nil); err != nil || out.String() != "[]\n" {
		t.Errorf("no results are %q, %v", out.String(), err)
	}
}

func TestReportKeepsItsRemarks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "BENCHMARKS.md")
	if err := os.WriteFile(file, []byte("# Benchmarks\n\nold\n\n"+remarks+"\nThe curve bends.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &Options{Names: []string{"call", "stream"}, Against: []string{netrpc, pond}, Runs: 5, Scale: 1, Report: file}
	m := machine{
		date: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), processor: "Some CPU", cores: 2, memory: 5 << 29, kernel: "Linux 6", goVersion: "go1.26",
		python: "3.11",
	}
	if err := writeReport(o, m, someResults()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "report.md")
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("report differs from %s (-want +got):\n%s", golden, diff)
	}
}

func TestAFileThatCannotBeWrittenIsLeftAsItIs(t *testing.T) {
	folder := t.TempDir()
	if err := writeFile(filepath.Join(folder, "missing", "file"), nil); err == nil {
		t.Error("a file was written in a folder that is not there")
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
