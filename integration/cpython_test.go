package integration

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	_ "github.com/multiproc-go/multiproc/sync" // the manager's types
)

// cpythonLimit is how long one class of CPython's tests may take, and cpythonCaseLimit one case: many times what they do.
const (
	cpythonLimit     = 2 * time.Minute
	cpythonCaseLimit = 45 * time.Second
)

// A cpythonVerdict is what the runner says of a case, or at the end of the objects that are left.
type cpythonVerdict struct {
	Case    string
	Outcome string // ok, failed, skipped by CPython itself, or omitted by us
	Detail  string
	Left    *int
}

// CPython's own tests of its managers, run against ours: the machine's python3 brings them, and testdata/cpython the
// client. Every case passes, or the tables say why not.
func TestCPythonsOwnManagerTests(t *testing.T) {
	python := cpythonWithTests(t)
	for _, class := range cpythonClasses {
		t.Run(class.name, func(t *testing.T) {
			t.Parallel()
			class.run(t, python)
		})
	}
}

// cpythonWithTests returns the path of a python3 that has its own tests, of a version that the tables are for.
func cpythonWithTests(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 whose tests could be run")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const ask = `
import sys, test._test_multiprocessing as tests
print("%d.%d" % sys.version_info[:2])
for name, value in vars(tests).items():
	if "manager" in getattr(value, "ALLOWED_TYPES", ()):
		print(name)
`
	out, err := exec.CommandContext(ctx, path, "-c", ask).Output()
	if err != nil {
		t.Skipf("%s comes without its tests: %v", path, err)
	}
	words := strings.Fields(string(out))
	if !slices.Contains(cpythonVersions, words[0]) {
		t.Skipf("%s is version %s, which nobody has compared with ours", path, words[0])
	}
	for _, class := range words[1:] {
		run := slices.ContainsFunc(cpythonClasses, func(c cpythonClass) bool { return c.name == class })
		if class != "BaseTestCase" && !run && cpythonClassesNotRun[class] == "" {
			t.Errorf("%s is in no table", class)
		}
	}
	return path
}

// run runs the class against a manager of its own.
func (c cpythonClass) run(t *testing.T, python string) {
	key := []byte("known to both")
	m, err := manager.Start(t.Context(), &manager.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	omit := []string{}
	for name, e := range c.exceptions {
		if !e.runs(testing.Short()) {
			omit = append(omit, name)
		}
	}
	order, err := json.Marshal(map[string]any{
		"address": m.Address(), "key": hex.EncodeToString(key), "class": c.name,
		"omit": omit, "left": c.left, "limit": cpythonCaseLimit.Seconds(),
	})
	if err != nil {
		t.Fatal(err)
	}
	out, problems, err := runCPython(t, python, order)
	c.judge(t, out)
	if err != nil || t.Failed() {
		t.Errorf("%v\n%s", err, problems)
	}
}

// runCPython runs the runner, and ends whatever its tests have left.
func runCPython(t *testing.T, python string, order []byte) (out []byte, problems string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), cpythonLimit)
	defer cancel()
	p := exec.CommandContext(ctx, python, "-B", filepath.Join("testdata", "cpython", "run.py"))
	var stderr bytes.Buffer
	p.Stdin, p.Stderr = bytes.NewReader(order), &stderr
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Cancel = func() error { return syscall.Kill(-p.Process.Pid, syscall.SIGKILL) }
	p.WaitDelay = 10 * time.Second
	out, err = p.Output()
	if p.Process != nil {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) // fails where nobody is left, as it should be
	}
	return out, stderr.String(), errors.Join(err, ctx.Err())
}

// judge compares what the runner has printed with what the tables say.
func (c cpythonClass) judge(t *testing.T, out []byte) {
	told := map[string]bool{}
	ended := false
	for line := range bytes.Lines(out) {
		var v cpythonVerdict
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if v.Left != nil {
			ended = true
			if *v.Left != c.left {
				t.Errorf("%d objects are left in the manager, and not %d", *v.Left, c.left)
			}
			continue
		}
		told[v.Case] = true
		t.Run(v.Case, func(t *testing.T) { c.exceptions[v.Case].judge(t, v) })
	}
	if !ended {
		t.Error("the runner did not come to its end")
	}
	for name := range c.exceptions {
		if ended && !told[name] {
			t.Errorf("an exception is for %s, which is no case", name)
		}
	}
}

// judge says whether a case has ended as it should.
func (e cpythonException) judge(t *testing.T, v cpythonVerdict) {
	failed := v.Outcome == "failed"
	switch {
	case v.Outcome == "omitted":
		t.Skip(e.why)
	case v.Outcome == "skipped" && e.kind == skipped:
		t.Skipf("%s: %s", v.Detail, e.why)
	case v.Outcome == "skipped", failed && e.kind != differs:
		t.Errorf("%s: %s", v.Outcome, v.Detail)
	case e.kind == differs && !failed:
		t.Errorf("it passes, and is said to differ: %s", e.why)
	case e.kind == differs && !strings.Contains(v.Detail, e.want):
		t.Errorf("it differs otherwise than said (%q):\n%s", e.want, v.Detail)
	}
}
