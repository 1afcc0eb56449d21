package sync_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A taking is one process's life: it gets an item, says so without the manager, and waits for its end.
type taking struct {
	Queue *mpsync.Queue[int]
	After *mpsync.Event // to be set after the item was got, if there is one
	Sign  string        // a file
}

var takeAndStay = spawn.Register(func(ctx context.Context, a taking) error {
	if _, err := a.Queue.Get(ctx); err != nil {
		return err
	}
	if a.After != nil {
		if err := a.After.Set(ctx); err != nil {
			return err
		}
	}
	if err := os.WriteFile(a.Sign, nil, 0o600); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
})

// What a process has in hand when it dies comes back, in front of everything else and marked, unless it has said meanwhile
// that the item has arrived, or ends in order.
func TestItemInTheHandOfAProcess(t *testing.T) {
	m := startManager(t)
	for name, test := range map[string]struct {
		end      func(t *testing.T, p *spawn.Process)
		call     bool
		comeBack bool
	}{
		"killed":              {killed, false, true},
		"stopped, and killed": {stoppedAndKilled, false, true},
		"called, and killed":  {killed, true, false},
		"asked to end":        {asked, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			a := taking{must(mpsync.NewQueue[int](ctx, m, 0)), nil, filepath.Join(t.TempDir(), "got")}
			if test.call {
				a.After = must(mpsync.NewEvent(ctx, m))
			}
			for i := range 3 {
				check(t, a.Queue.Put(ctx, i))
			}
			p := start(t, takeAndStay, a)
			for {
				if _, err := os.Stat(a.Sign); err == nil {
					break
				} else if !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
				check(t, ctx.Err())
			}
			test.end(t, p)
			for len(must(m.Info(ctx)).Sessions) > 1 {
				check(t, ctx.Err())
			}
			first := 1
			if test.comeBack {
				first = 0
			}
			for want := first; want < 3; want++ {
				item := must(a.Queue.GetItem(ctx))
				if item.Value != want || item.Redelivered != (want == 0) {
					t.Errorf("%+v, want %d", item, want)
				}
			}
			if n := must(a.Queue.Len(ctx)); n != 0 {
				t.Errorf("%d items are left", n)
			}
		})
	}
}

func killed(t *testing.T, p *spawn.Process) { kill(t, p) }

func stoppedAndKilled(t *testing.T, p *spawn.Process) {
	stop(t, p.PID())
	kill(t, p)
}

func asked(t *testing.T, p *spawn.Process) {
	if err := p.Terminate(); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
	<-p.Done()
}
