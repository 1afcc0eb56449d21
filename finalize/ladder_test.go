package finalize

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// target is a process that exists only in a test. It ends a while after one signal.
type target struct {
	endsAt os.Signal
	after  time.Duration
	fails  error // what Signal returns for any other signal

	mu      sync.Mutex // guards the fields below
	done    chan struct{}
	signals []os.Signal
}

func newTarget(endsAt os.Signal, after time.Duration) *target {
	return &target{endsAt: endsAt, after: after, done: make(chan struct{})}
}

func (t *target) Done() <-chan struct{} { return t.done }

func (t *target) Signal(sig os.Signal) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.signals = append(t.signals, sig)
	if sig != t.endsAt {
		return t.fails
	}
	time.AfterFunc(t.after, func() { close(t.done) })
	return nil
}

func (t *target) check(test *testing.T, want ...os.Signal) {
	test.Helper()
	if !slices.Equal(t.signals, want) {
		test.Errorf("signals were %v, want %v", t.signals, want)
	}
}

func asking(context.Context) error { return nil }

func TestLadderClimbsAsFarAsItMust(t *testing.T) {
	const after = 10 * time.Millisecond
	for name, c := range map[string]struct {
		endsAt os.Signal
		ladder Ladder
		want   Report
		sent   []os.Signal
	}{
		"interrupt": {os.Interrupt, Ladder{}, Report{Rung: Interrupt, Took: after}, []os.Signal{os.Interrupt}},
		"terminate": {
			syscall.SIGTERM, Ladder{}, Report{Rung: Terminate, Took: DefaultGrace + after},
			[]os.Signal{os.Interrupt, syscall.SIGTERM},
		},
		"kill": {
			os.Kill, Ladder{Ask: asking}, Report{Rung: Kill, Took: 3*DefaultGrace + after},
			[]os.Signal{os.Interrupt, syscall.SIGTERM, os.Kill},
		},
		"written out": {
			os.Kill, DefaultLadder(), Report{Rung: Kill, Took: 2*DefaultGrace + after},
			[]os.Signal{os.Interrupt, syscall.SIGTERM, os.Kill},
		},
		"own periods": {
			os.Kill, Ladder{Ask: asking, AskGrace: 2, InterruptGrace: 3, TerminateGrace: 4},
			Report{Rung: Kill, Took: 9 + after},
			[]os.Signal{os.Interrupt, syscall.SIGTERM, os.Kill},
		},
		"skipping": {
			os.Kill, Ladder{Ask: asking, AskGrace: -1, InterruptGrace: -1, TerminateGrace: -1},
			Report{Rung: Kill, Took: after},
			[]os.Signal{os.Kill},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				process := newTarget(c.endsAt, after)
				report, err := c.ladder.Run(t.Context(), process)
				if err != nil || report != c.want {
					t.Errorf("report is %+v, %v, want %+v", report, err, c.want)
				}
				process.check(t, c.sent...)
			})
		})
	}
}

func TestLadderOnAProcessThatHasEnded(t *testing.T) {
	process := newTarget(nil, 0)
	close(process.done)
	report, err := Ladder{Ask: asking}.Run(t.Context(), process)
	if err != nil || report.Rung != None || report.Err != nil {
		t.Errorf("report is %+v, %v", report, err)
	}
	process.check(t)
}

func TestLadderAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		process := newTarget(nil, 0)
		ladder := Ladder{Ask: func(ctx context.Context) error {
			time.AfterFunc(100*time.Millisecond, func() { close(process.done) })
			<-ctx.Done() // ends with the process
			return ctx.Err()
		}}
		report, err := ladder.Run(t.Context(), process)
		if want := (Report{Rung: Ask, Took: 100 * time.Millisecond}); err != nil || report != want {
			t.Errorf("report is %+v, %v, want %+v", report, err, want)
		}
		process.check(t)
	})
}

func TestLadderAskThatFails(t *testing.T) {
	refusal := errors.New("refusal")
	for name, ask := range map[string]func(context.Context) error{
		"error": func(context.Context) error { return refusal },
		"panic": func(context.Context) error { panic(refusal) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				process := newTarget(os.Interrupt, 0)
				report, err := Ladder{Ask: ask}.Run(t.Context(), process)
				if err != nil || report.Rung != Interrupt || report.Took != 0 || !errors.Is(report.Err, refusal) {
					t.Errorf("report is %+v, %v", report, err)
				}
			})
		})
	}
}

func TestLadderAskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		process := newTarget(os.Interrupt, 0)
		report, err := Ladder{Ask: hanging(release)}.Run(t.Context(), process)
		if err != nil || report.Took != DefaultGrace+returnTime || !errors.Is(report.Err, ErrAbandoned) {
			t.Errorf("report is %+v, %v", report, err)
		}
	})
}

// A context that ends takes the ladder to the last rung, not away from the process.
func TestLadderInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		process := newTarget(os.Kill, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		report, err := Ladder{}.Run(ctx, process)
		if want := (Report{Rung: Kill, Took: 1300 * time.Millisecond}); err != nil || report != want {
			t.Errorf("report is %+v, %v, want %+v", report, err, want)
		}
		process.check(t, os.Interrupt, os.Kill)
	})
}

func TestLadderOnAProcessThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		process := newTarget(nil, 0)
		report, err := Ladder{InterruptGrace: -1}.Run(t.Context(), process)
		if !errors.Is(err, ErrStillRunning) || report.Rung != Kill || report.Took != DefaultGrace+DefaultKillGrace {
			t.Errorf("report is %+v, %v", report, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = Ladder{KillGrace: -1}.Run(ctx, process)
		if !errors.Is(err, ErrStillRunning) || !errors.Is(err, context.Canceled) {
			t.Errorf("without the last rung: %v", err)
		}
	})
}

// A signal that is refused leads to the next rung at once, unless because the
// process is gone.
func TestLadderWhenSignalsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		process := newTarget(os.Kill, 0)
		process.fails = os.ErrPermission
		report, err := Ladder{}.Run(t.Context(), process)
		if err != nil || report.Took != 0 || !errors.Is(report.Err, os.ErrPermission) {
			t.Errorf("report is %+v, %v", report, err)
		}
		process = newTarget(nil, 0)
		process.fails = os.ErrProcessDone
		time.AfterFunc(100*time.Millisecond, func() { close(process.done) })
		report, err = Ladder{}.Run(t.Context(), process)
		if want := (Report{Rung: Interrupt, Took: 100 * time.Millisecond}); err != nil || report != want {
			t.Errorf("report is %+v, %v, want %+v", report, err, want)
		}
	})
}

func TestRungString(t *testing.T) {
	for rung, want := range map[Rung]string{
		None: "none", Ask: "ask", Interrupt: "interrupt", Terminate: "terminate", Kill: "kill", 9: "Rung(9)",
	} {
		if got := rung.String(); got != want {
			t.Errorf("%d is %q, want %q", int(rung), got, want)
		}
	}
}

func TestLadderOnRealProcesses(t *testing.T) {
	for _, c := range []struct {
		role string
		want Rung
	}{
		{"polite", Terminate},
		{"stubborn", Kill},
	} {
		f := startFamily(t, c.role)
		f.pid()
		child := Reap(f.cmd.Process)
		ladder := Ladder{InterruptGrace: time.Millisecond, TerminateGrace: 20 * time.Second}
		if c.want == Kill {
			ladder.TerminateGrace = time.Millisecond
		}
		report, err := ladder.Run(within(t), child)
		if err != nil || report.Rung != c.want {
			t.Errorf("%s: report is %+v, %v", c.role, report, err)
		}
		state, err := child.Wait()
		if err != nil || state.Exited() != (c.want == Terminate) {
			t.Errorf("%s: %v, %v", c.role, state, err)
		}
		if err := child.Signal(os.Kill); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s: signal after the end: %v", c.role, err)
		}
		f.mustBeGone()
	}
}
