package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/pool"
)

const shutdownGrace = 100 * time.Millisecond

// A pool ends from whatever state it is in, within its bounds, and leaves nothing: no process, zombie, descriptor, socket,
// goroutine or memory. Every task has its outcome.
func TestPoolEndsFromEveryState(t *testing.T) {
	states := map[string]func(t *testing.T, p *pool.Pool){
		"starting": func(t *testing.T, p *pool.Pool) {
			submit(t, p, "heeds")
		},
		"idle": func(t *testing.T, p *pool.Pool) {
			workersReady(t, p)
		},
		"busy": func(t *testing.T, p *pool.Pool) {
			workersReady(t, p)
			submit(t, p, "heeds", "heeds", "heeds")
			multiproctest.BusyWorker(t, p, refuser.Name())
		},
		"deadlocked": func(t *testing.T, p *pool.Pool) {
			submit(t, p, "ignores", "ignores", "ignores")
			multiproctest.BusyWorker(t, p, refuser.Name())
		},
		"stopped": func(t *testing.T, p *pool.Pool) {
			submit(t, p, "is stopped", "is stopped", "heeds")
			multiproctest.BusyWorker(t, p, refuser.Name())
		},
		"with stubborn descendants": func(t *testing.T, p *pool.Pool) {
			submit(t, p, "has stubborn children", "has stubborn children")
			multiproctest.BusyWorker(t, p, refuser.Name())
		},
		"dying": func(t *testing.T, p *pool.Pool) {
			workersReady(t, p)
			submit(t, p, "heeds", "heeds", "heeds")
			for _, w := range multiproctest.Workers(t, p) {
				multiproctest.Kill(t, w)
			}
		},
		"unable to start workers": func(t *testing.T, p *pool.Pool) {
			multiproctest.FailStarts(t, 1000)
			for _, w := range multiproctest.Workers(t, p) {
				multiproctest.Kill(t, w)
			}
			submit(t, p, "heeds")
		},
	}
	for name, reach := range states {
		for _, way := range []string{"Shutdown", "Close", "both at once"} {
			t.Run(name+"/"+way, func(t *testing.T) {
				multiproctest.CheckNothingLeft(t)
				p, err := pool.New(t.Context(), &pool.Options{Workers: 2, Grace: shutdownGrace})
				if err != nil {
					t.Fatal(err)
				}
				reach(t, p)
				endWithin(t, p, way)
				s := p.Stats()
				if ended := s.Done + s.Failed + s.Lost + s.TimedOut + s.OutOfMemory + s.Cancelled + s.Abandoned; ended != s.Submitted || s.Pending != 0 {
					t.Errorf("not all tasks have ended: %+v", s)
				}
			})
		}
	}
}

// submit submits tasks that do not end by themselves.
func submit(t *testing.T, p *pool.Pool, ways ...string) {
	t.Helper()
	for _, way := range ways {
		if _, err := refuser.ApplyAsync(context.WithoutCancel(t.Context()), p, way); err != nil {
			t.Fatal(err)
		}
	}
}

func workersReady(t *testing.T, p *pool.Pool) {
	t.Helper()
	waitUntil(t, "both workers are there", func() bool { return len(multiproctest.Workers(t, p)) == 2 })
}

// endWithin ends a pool in one of the ways, and fails the test if that takes much longer than its steps may together.
func endWithin(t *testing.T, p *pool.Pool, way string) {
	t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	closed := make(chan error, 1)
	switch way {
	case "Close":
		closed <- p.Close()
	case "both at once":
		go func() { closed <- p.Close() }()
		fallthrough
	default:
		if err := p.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, pool.ErrClosed) {
			t.Errorf("Shutdown: %v", err)
		}
		if way == "Shutdown" {
			closed <- p.Close()
		}
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if took := time.Since(begun); took > 3*shutdownGrace+2*time.Second { // the rest is for a busy machine
		t.Errorf("it took %v", took)
	}
}

// A hosted pool whose manager is gone ends at once for its clients; so does a manager that is killed while it ends.
func TestHostedPoolEndsWithoutItsManager(t *testing.T) {
	for name, kill := range map[string]func(t testing.TB, m *manager.Manager){
		"killed": multiproctest.KillManager,
		"stopped, then killed": func(t testing.TB, m *manager.Manager) {
			thaw := multiproctest.Freeze(t, m.Process())
			defer thaw()
			multiproctest.KillManager(t, m)
		},
		"shut down": func(t testing.TB, m *manager.Manager) {
			if err := m.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			multiproctest.CheckNothingLeft(t)
			m, err := manager.Start(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			h, err := pool.NewHosted(t.Context(), m, &pool.Options{Workers: 2, Grace: shutdownGrace}, nil)
			if err != nil {
				t.Fatal(err)
			}
			task, err := refuser.ApplyAsync(t.Context(), h, "ignores")
			if err != nil {
				t.Fatal(err)
			}
			kill(t, m)
			if _, err := task.Get(t.Context()); !errors.Is(err, manager.ErrManagerLost) && !errors.Is(err, manager.ErrClosed) && !errors.Is(err, pool.ErrClosed) {
				t.Errorf("the task: %v", err)
			}
			if err := h.Shutdown(t.Context()); err == nil {
				t.Error("Shutdown of a pool whose manager is gone succeeds")
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
