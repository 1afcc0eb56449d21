package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

var (
	chaosTask   = pool.RegisterNamed("integration.chaosTask", runChaosTask)
	stubborn    = pool.RegisterNamed("integration.stubborn", startStubborn)
	chaosClient = spawn.RegisterNamed("integration.chaosClient", runChaosClient)
)

// runChaosTask returns a number's square, now and then late, or never, or not at all.
func runChaosTask(ctx context.Context, n int) (int, error) {
	switch {
	case n%97 == 13:
		return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case n%7 == 3:
		timer := time.NewTimer(time.Duration(n%5) * time.Millisecond)
		defer timer.Stop()
		<-timer.C
	case n%211 == 50:
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
	return n * n, nil
}

// startStubborn starts processes that ignore whatever can be ignored, in a session of their own, and stays with them.
func startStubborn(ctx context.Context, _ int) (int, error) {
	const script = "trap '' TERM HUP INT; while :; do sleep 1; done"
	c := exec.Command("setsid", "sh", "-c", "sh -c \""+script+"\" & "+script)
	if err := c.Start(); err != nil {
		return 0, err
	}
	<-ctx.Done()
	return 0, c.Wait()
}

// A chaosJob is what a client is given.
type chaosJob struct {
	Lock   *mpsync.Lock
	Queue  *mpsync.JoinableQueue[int]
	Folder string
	Name   string
}

// runChaosClient takes items, with the lock and without, until the queue ends. What it has had stands in a file of its own
// before the item is done.
func runChaosClient(ctx context.Context, j chaosJob) error {
	log, err := os.OpenFile(filepath.Join(j.Folder, j.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	for {
		item, err := j.Queue.GetItem(ctx)
		if errors.Is(err, mpsync.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(log, "got %d %v\n", item.Value, item.Redelivered); err != nil {
			return err
		}
		if err := j.exclusively(ctx, item.Value); err != nil {
			return err
		}
		if err := j.Queue.ItemDone(ctx, item); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(log, "done %d\n", item.Value); err != nil {
			return err
		}
	}
}

// exclusively takes the lock, and complains if somebody else is where only its holder may be: who died there has left his
// file, and the next one is told.
func (j chaosJob) exclusively(ctx context.Context, n int) error {
	held, err := j.Lock.Acquire(ctx)
	if err != nil {
		return err
	}
	inside := filepath.Join(j.Folder, "inside")
	if held.OwnerDied() {
		_ = os.Remove(inside) // which its owner may have done, or not begun
	}
	file, err := os.OpenFile(inside, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		violation := fmt.Sprintf("%s, at item %d: %v\n", j.Name, n, err)
		return errors.Join(err, os.WriteFile(filepath.Join(j.Folder, j.Name+".violation"), []byte(violation), 0o600))
	}
	if err := errors.Join(file.Close(), os.Remove(inside)); err != nil {
		return err
	}
	return held.Release()
}

func checkViolations(t *testing.T, folder string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*.violation"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		content, _ := os.ReadFile(name)
		t.Errorf("two in one lock: %s", content)
	}
}

// checkDeliveries reads what the clients have written down. Of the items from 1 to put each was had, if all were done; had
// twice only with the mark; and done once. One more may be there, whose Put ended without an answer.
func checkDeliveries(t *testing.T, folder string, put int, all bool) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(folder, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	had, unmarked, done := map[int]int{}, map[int]int{}, map[int]int{}
	for _, name := range logs {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			var item int
			var redelivered bool
			if _, err := fmt.Sscanf(line, "got %d %t\n", &item, &redelivered); err == nil {
				had[item]++
				if !redelivered {
					unmarked[item]++
				}
			} else if _, err := fmt.Sscanf(line, "done %d\n", &item); err == nil {
				done[item]++
			}
		}
	}
	for item := range had {
		if item < 1 || item > put+1 || unmarked[item] > 1 || done[item] > 1 {
			t.Errorf("item %d of %d was had %d times, %d times of them without the mark, and done %d times",
				item, put, had[item], unmarked[item], done[item])
		}
	}
	for item := 1; all && item <= put; item++ {
		if had[item] == 0 {
			t.Errorf("item %d was lost", item)
		}
	}
}

// A chaosWorld is everything at work at once.
type chaosWorld struct {
	folder  string
	pool    *pool.Pool
	manager *manager.Manager
	lock    *mpsync.Lock
	queue   *mpsync.JoinableQueue[int]
	clients []*spawn.Process
	started int
}

func newChaosWorld(t *testing.T, folder string) *chaosWorld {
	t.Helper()
	w := &chaosWorld{folder: folder}
	var err error
	check := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w.pool, err = pool.New(t.Context(), &pool.Options{
		Workers: 3, TaskTimeout: 300 * time.Millisecond, Grace: 50 * time.Millisecond, MaxTasksPerChild: 500,
	})
	check()
	w.manager, err = manager.Start(t.Context(), &manager.Options{TransitGrace: time.Second, VerdictTimeout: chaosPatience})
	check()
	w.lock, err = mpsync.NewLock(t.Context(), w.manager)
	check()
	w.queue, err = mpsync.NewJoinableQueue[int](t.Context(), w.manager, 16)
	check()
	for range 3 {
		w.clients = append(w.clients, w.startClient(t))
	}
	return w
}

func (w *chaosWorld) startClient(t *testing.T) *spawn.Process {
	t.Helper()
	w.started++
	p, err := chaosClient.Start(t.Context(), chaosJob{w.lock, w.queue, w.folder, fmt.Sprint("client", w.started)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
