package sync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// start runs a registered function in a process, which is killed with the test at the latest.
func start[A any](t testing.TB, entry *spawn.Entry[A], arg A) *spawn.Process {
	t.Helper()
	p, err := entry.Start(t.Context(), arg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(t, p) })
	return p
}

func kill(t testing.TB, p *spawn.Process) {
	t.Helper()
	if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	<-p.Done()
}

type lockAndEvent struct {
	Lock *mpsync.Lock
	Held *mpsync.Event
}

var holdLock = spawn.Register(func(ctx context.Context, a lockAndEvent) error {
	held, err := a.Lock.Acquire(ctx)
	if err != nil {
		return err
	}
	if err := a.Held.Set(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return held.Release()
})

func TestLockOfAProcessThatIsKilled(t *testing.T) {
	m := startManager(t)
	ctx := t.Context()
	lock, isHeld := must(mpsync.NewLock(ctx, m)), must(mpsync.NewEvent(ctx, m))
	p := start(t, holdLock, lockAndEvent{lock, isHeld})
	check(t, isHeld.Wait(ctx))
	next := async(func() (*mpsync.Held, error) { return lock.Acquire(ctx) })
	kill(t, p)
	held, err := wait(t, next)
	check(t, err)
	if !held.OwnerDied() {
		t.Error("the next holder is not told")
	}
	check(t, held.Release())
}

type work struct {
	Tasks *mpsync.JoinableQueue[int]
	Done  *mpsync.Dict[int, int] // how often each task was begun unmarked, and 1000 times how often it was begun marked
}

var consume = spawn.Register(func(ctx context.Context, w work) error {
	for {
		item, err := w.Tasks.GetItem(ctx)
		if err != nil {
			if errors.Is(err, mpsync.ErrClosed) {
				return nil
			}
			return err
		}
		begun := 1
		if item.Redelivered {
			begun = 1000
		}
		if _, err := w.Done.Add(ctx, item.Value, begun); err != nil {
			return err
		}
		if err := w.Tasks.ItemDone(ctx, item); err != nil {
			return err
		}
	}
})

// Consumers are killed one after the other while they work: every task is done, and one that was begun twice was marked
// the second time.
func TestQueueOfProcessesThatAreKilled(t *testing.T) {
	m := startManager(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	w := work{must(mpsync.NewJoinableQueue[int](ctx, m, 64)), must(mpsync.NewDict[int, int](ctx, m))}
	const tasks, kills = 3000, 6
	put := async(func() (any, error) {
		for i := range tasks {
			if err := w.Tasks.Put(ctx, i); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	start(t, consume, w)
	for i := range kills {
		p := start(t, consume, w)
		for must(w.Done.Len(ctx)) < (i+1)*tasks/(2*kills) {
			check(t, ctx.Err())
		}
		kill(t, p)
	}
	_, err := wait(t, put)
	check(t, err)
	check(t, w.Tasks.Join(ctx))
	begun := must(w.Done.Snapshot(ctx))
	if len(begun) != tasks {
		t.Errorf("%d of %d tasks were begun", len(begun), tasks)
	}
	for task, n := range begun {
		if n%1000 > 1 {
			t.Errorf("task %d was begun %d times without a mark", task, n%1000)
		}
	}
	check(t, w.Tasks.Close(ctx))
}

type section struct {
	Lock  *mpsync.Lock
	Steps *mpsync.Array[int] // entered, left, violations
}

var passThrough = spawn.Register(func(ctx context.Context, s section) error {
	for ctx.Err() == nil {
		held, err := s.Lock.Acquire(ctx)
		if err != nil {
			return err
		}
		steps, err := s.Steps.Snapshot(ctx)
		if err != nil {
			return err
		}
		if steps[0] != steps[1] && !held.OwnerDied() {
			if _, err := s.Steps.Add(ctx, 2, 1); err != nil {
				return err
			}
		}
		if err := s.Steps.Set(ctx, 0, steps[0]+1); err != nil {
			return err
		}
		if err := s.Steps.Set(ctx, 1, steps[0]+1); err != nil {
			return err
		}
		if err := held.Release(); err != nil {
			return err
		}
	}
	return nil
})

func TestExclusionWhileHoldersAreKilled(t *testing.T) {
	m := startManager(t)
	ctx := t.Context()
	s := section{must(mpsync.NewLock(ctx, m)), must(mpsync.NewArray(ctx, m, []int{0, 0, 0}))}
	start(t, passThrough, s)
	for i := range 5 {
		p := start(t, passThrough, s)
		for must(s.Steps.Get(ctx, 0)) < (i+1)*200 {
			check(t, ctx.Err())
		}
		kill(t, p)
	}
	held := must(s.Lock.Acquire(ctx))
	defer held.Release()
	if steps := must(s.Steps.Snapshot(ctx)); steps[2] != 0 {
		t.Errorf("%d times somebody was inside already", steps[2])
	}
}

func TestManagerKilledUnderWaits(t *testing.T) {
	ctx := t.Context()
	m, err := manager.Start(ctx, nil)
	check(t, err)
	defer m.Close()
	lock := must(mpsync.NewLock(ctx, m))
	held := must(lock.Acquire(ctx))
	queue, event := must(mpsync.NewQueue[int](ctx, m, 0)), must(mpsync.NewEvent(ctx, m))
	var waits []<-chan outcome[any]
	for i := range 99 {
		waits = append(waits, async(func() (any, error) {
			switch i % 3 {
			case 0:
				return lock.Acquire(ctx)
			case 1:
				return queue.Get(ctx)
			default:
				return nil, event.Wait(ctx)
			}
		}))
	}
	for waiting := 0; waiting < len(waits); {
		waiting = 0
		for _, o := range must(m.Info(ctx)).Objects {
			waiting += len(o.Waiters)
		}
	}
	check(t, m.Process().Kill())
	killed := time.Now()
	for _, w := range waits {
		if _, err := wait(t, w); !errors.Is(err, manager.ErrManagerLost) {
			t.Errorf("a wait ended with %v", err)
		}
	}
	<-held.Lost()
	if took := time.Since(killed); took > time.Second {
		t.Errorf("the last of them was told after %v", took)
	}
	if err := held.Release(); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("released after the manager: %v", err)
	}
}

type inAndOut struct{ In, Out *mpsync.Queue[int] }

var forward = spawn.Register(func(ctx context.Context, q inAndOut) error {
	for v, err := range q.In.All(ctx) {
		if err != nil {
			return err
		}
		if err := q.Out.Put(ctx, v); err != nil {
			return err
		}
	}
	return nil
})

// stop stops a process, and waits until each of its threads has stopped.
func stop(t *testing.T, pid int) {
	t.Helper()
	check(t, syscall.Kill(pid, syscall.SIGSTOP))
	threads := must(filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)))
	if len(threads) == 0 {
		t.Skip("there is no /proc to tell when a process has stopped")
	}
	for _, thread := range threads {
		for {
			stat, err := os.ReadFile(thread)
			if err != nil {
				break // the thread has ended
			}
			if _, state, _ := bytes.Cut(stat, []byte(") ")); bytes.HasPrefix(state, []byte("T")) {
				break
			}
		}
	}
}

// A client that is stopped while it waits is handed one item, which comes back when it is killed. Nobody else waits for
// it.
func TestQueueOfAProcessThatIsStopped(t *testing.T) {
	m := startManager(t)
	ctx := t.Context()
	q := inAndOut{must(mpsync.NewQueue[int](ctx, m, 0)), must(mpsync.NewQueue[int](ctx, m, 0))}
	stopped := start(t, forward, q)
	for waiting := 0; waiting == 0; {
		waiting = 0
		for _, o := range must(m.Info(ctx)).Objects {
			waiting += len(o.Waiters)
		}
	}
	stop(t, stopped.PID())
	for i := range 100 {
		check(t, q.In.Put(ctx, i))
	}
	start(t, forward, q)
	for i := 1; i < 100; i++ {
		if got := must(q.Out.Get(ctx)); got != i {
			t.Fatalf("got %d, not %d", got, i)
		}
	}
	kill(t, stopped)
	if got := must(q.Out.Get(ctx)); got != 0 {
		t.Errorf("the stopped one's item came as %d", got)
	}
	check(t, q.In.Close(ctx))
}

type meeting struct {
	Barrier *mpsync.Barrier
	Indices *mpsync.Set[int]
}

var meet = spawn.Register(func(ctx context.Context, m meeting) error {
	for round := range 20 {
		index, err := m.Barrier.Wait(ctx)
		if err != nil {
			return err
		}
		if added, err := m.Indices.Add(ctx, 10*round+index); err != nil || added != 1 {
			return fmt.Errorf("index %d of round %d again: %w", index, round, err)
		}
	}
	return nil
})

func TestBarrierOfProcesses(t *testing.T) {
	m := startManager(t)
	ctx := t.Context()
	at := meeting{must(mpsync.NewBarrier(ctx, m, 3)), must(mpsync.NewSet[int](ctx, m))}
	var parties []*spawn.Process
	for range 3 {
		parties = append(parties, start(t, meet, at))
	}
	for _, p := range parties {
		check(t, p.Wait(ctx))
	}
	expect(t, "how many met", must(at.Indices.Len(ctx)), 60)
	p := start(t, meet, at)
	for must(at.Barrier.Waiting(ctx)) == 0 {
		check(t, ctx.Err())
	}
	kill(t, p)
	for !must(at.Barrier.Broken(ctx)) {
		check(t, ctx.Err())
	}
}

var takeOne = spawn.Register(func(ctx context.Context, q *mpsync.Queue[int]) error {
	_, err := q.Get(ctx)
	return err
})

// A process that gets an item and returns has it: it does not come back.
func TestQueueOfProcessesThatExit(t *testing.T) {
	m := startManager(t)
	ctx := t.Context()
	q := must(mpsync.NewQueue[int](ctx, m, 0))
	for i := range 20 {
		check(t, q.Put(ctx, i))
		check(t, start(t, takeOne, q).Wait(ctx))
	}
	for len(must(m.Info(ctx)).Sessions) > 1 {
		check(t, ctx.Err())
	}
	if item, found, err := q.TryGet(ctx); found || err != nil {
		t.Errorf("item %d came back, %v", item, err)
	}
}
