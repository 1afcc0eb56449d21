package sync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A cpythonCase is something that CPython's documentation says of multiprocessing, threading or queue, as a program for
// its manager and one for ours. Both print what they get as Python does.
type cpythonCase struct {
	name   string
	python string // sets result
	want   string // what Python prints for it, or error: and its exception
	ours   func(ctx context.Context, m *manager.Manager) (any, error)
	// differs is what ours prints where that is not what CPython does, and why says why not.
	differs, why string
}

// cpythonErrors are the exceptions that our errors stand for. What a KeyError is in a dict is a ValueError in a list.
var cpythonErrors = []struct {
	err  error
	name string
}{
	{mpsync.ErrOutOfRange, "IndexError"},
	{mpsync.ErrBroken, "BrokenBarrierError"},
	{mpsync.ErrOverReleased, "ValueError"},
	{mpsync.ErrTooManyDone, "ValueError"},
	{mpsync.ErrNotHeld, "RuntimeError"},
	{mpsync.ErrNotFound, "KeyError"},
}

func TestCasesOfCPythonsDocumentation(t *testing.T) {
	h := newHost(t)
	cases := append(lockCases(), append(queueCases(), containerCases()...)...)
	theirs := runInPython(t, cases)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if theirs != nil && theirs[i] != c.want {
				t.Errorf("CPython gives %s, the case says %s", theirs[i], c.want)
			}
			want := c.want
			if c.differs != "" {
				if want = c.differs; c.why == "" {
					t.Error("a difference without a reason")
				}
			}
			if got := asPython(c.ours(t.Context(), h.session())); got != want {
				t.Errorf("ours gives %s, not %s", got, want)
			}
		})
	}
}

// runInPython returns what the cases give in CPython, or nil where there is none.
func runInPython(t *testing.T, cases []cpythonCase) []string {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Log("there is no python3: the cases are run against ours alone")
		return nil
	}
	var programs []string
	for _, c := range cases {
		programs = append(programs, c.python)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, python, "testdata/cases.py")
	run.Stdin = bytes.NewReader(must(json.Marshal(programs)))
	var stderr strings.Builder
	run.Stderr = &stderr
	output, err := run.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var outcomes []string
	check(t, json.Unmarshal(output, &outcomes))
	return outcomes
}

// asPython prints what a case of ours gives.
func asPython(v any, err error) string {
	if err != nil {
		for _, known := range cpythonErrors {
			if errors.Is(err, known.err) {
				return "error: " + known.name
			}
		}
		return "error: " + err.Error()
	}
	return printed(v)
}

func printed(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return "'" + v + "'"
	case []int:
		return listed(v)
	case []string:
		return listed(v)
	case []any:
		return listed(v)
	default:
		return fmt.Sprint(v)
	}
}

func listed[T any](values []T) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = printed(v)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
