package bench

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fake is a system whose runs are written down, and take as long as its figures say.
func fake(log *[]string, name string, figures ...float64) system {
	return system{name: name, prepare: func(context.Context, *environment, int) (*runner, error) {
		next := 0
		return &runner{
			run: func(context.Context) (float64, error) {
				*log = append(*log, name)
				if next == len(figures) {
					return 0, errors.New(name + " has broken")
				}
				next++
				return figures[next-1], nil
			},
			close: func() error {
				*log = append(*log, name+" closed")
				return nil
			},
		}, nil
	}}
}

func measureFakes(ctx context.Context, runs int, systems ...system) ([]Result, []error) {
	m := &measurement{
		options: &Options{Runs: runs, Scale: 1}, environment: &environment{}, stderr: &bytes.Buffer{}, absent: make(map[string]bool),
	}
	w := &Workload{Name: "fakes", Unit: milliseconds, n: 1, systems: systems}
	return m.measure(ctx, w), m.failures
}

func TestSystemsTakeTurnsAndTheFirstTurnIsNotCounted(t *testing.T) {
	var log []string
	results, failures := measureFakes(t.Context(), 3, fake(&log, "a", 9, .003, .001, .002), fake(&log, "b", 9, .004, .004, .005))
	if len(failures) > 0 {
		t.Error(failures)
	}
	if got, want := strings.Join(log, " "), "a b a b a b a b a closed b closed"; got != want {
		t.Errorf("runs %q, want %q", got, want)
	}
	want := []Result{
		{Workload: "fakes", System: "a", Unit: "ms", Median: 2, Min: 1, Max: 3, Runs: 3},
		{Workload: "fakes", System: "b", Unit: "ms", Median: 4, Min: 4, Max: 5, Runs: 3},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	if diff := cmp.Diff(want, results, near, cmp.AllowUnexported(Result{})); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestASystemThatFailsDoesNotStopTheOthers(t *testing.T) {
	var log []string
	broken := system{name: "unstarted", prepare: func(context.Context, *environment, int) (*runner, error) {
		return nil, errors.New("it does not start")
	}}
	results, failures := measureFakes(t.Context(), 2, fake(&log, "a", 1, 1), broken, fake(&log, "b", 1, 1, 1))
	if got, want := strings.Join(log, " "), "a b a b a a closed b b closed"; got != want {
		t.Errorf("runs %q, want %q", got, want)
	}
	if len(results) != 1 || results[0].System != "b" {
		t.Errorf("results %+v", results)
	}
	text := errors.Join(failures...).Error()
	if text != "fakes by unstarted: it does not start\nfakes by a: a has broken" {
		t.Errorf("failures %q", text)
	}
}

// Systems need not notice the end of the context: some cannot.
func TestNothingRunsOrFailsAfterTheEndOfTheRun(t *testing.T) {
	var log []string
	ctx, cancel := context.WithCancel(t.Context())
	last := system{name: "last", prepare: func(context.Context, *environment, int) (*runner, error) {
		return &runner{run: func(context.Context) (float64, error) {
			cancel()
			return 0, errors.New("something has ended")
		}}, nil
	}}
	results, failures := measureFakes(ctx, 2, fake(&log, "a", 1, 1, 1), last, fake(&log, "b", 1, 1, 1))
	if len(results)+len(failures) > 0 {
		t.Errorf("results %v, failures %v", results, failures)
	}
	if got, want := strings.Join(log, " "), "a a closed b closed"; got != want {
		t.Errorf("runs %q, want %q", got, want)
	}
}

func TestMedians(t *testing.T) {
	w := &Workload{Name: "w", Unit: thousands}
	for _, test := range []struct {
		figures          []float64
		median, min, max float64
	}{
		{[]float64{5}, 5, 5, 5},
		{[]float64{4, 2}, 3, 2, 4},
		{[]float64{9, 1, 2}, 2, 1, 9},
		{[]float64{4, 1, 3, 2}, 2.5, 1, 4},
	} {
		if r := summarize(w, "s", test.figures); r.Median != test.median || r.Min != test.min || r.Max != test.max || r.Runs != len(test.figures) {
			t.Errorf("%v: %+v", test.figures, r)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, test := range []struct {
		unit     Unit
		measured float64
		n        int
		want     float64
	}{
		{microseconds, 2, 1000, 2000}, {milliseconds, 2, 10, 200}, {thousands, 2, 10_000, 5},
		{mebibytes, 3 << 20, 1, 3}, {perSecond(5e8), 2, 4, 2},
	} {
		if got := test.unit.of(test.measured, test.n); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%v for %d are %v %s, want %v", test.measured, test.n, got, test.unit.Name, test.want)
		}
	}
}
