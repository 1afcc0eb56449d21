package integration

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/pool"
)

// round has everything work for a second or so while random shoots, and then ends it, in peace or by killing the manager.
func (w *chaosWorld) round(t *testing.T, random *rand.Rand, killManager bool) {
	ctx, cancel := context.WithTimeout(context.Background(), chaosPatience+10*time.Second)
	defer cancel()
	working, stop := context.WithTimeout(ctx, 500*time.Millisecond+time.Duration(random.Int64N(int64(time.Second))))
	defer stop()
	var work sync.WaitGroup
	work.Go(func() { w.submit(working, t) })
	put := 0
	work.Go(func() { put = w.produce(working, t) })
	shots := w.shoot(working, t, random)
	work.Wait()
	if killManager {
		w.endByDeath(ctx, t)
	} else {
		w.endInPeace(ctx, t, put)
	}
	checkViolations(t, w.folder)
	checkDeliveries(t, w.folder, put, !killManager)
	if err := w.pool.Shutdown(ctx); err != nil {
		t.Errorf("shutdown of the pool: %v", err)
	}
	if s := w.pool.Stats(); s.Pending != 0 || s.Submitted != s.Done+s.Failed+s.Lost+s.TimedOut+s.Cancelled+s.Abandoned {
		t.Errorf("the books do not balance: %+v", s)
	}
	t.Logf("%d shots, %d items, %d tasks", shots, put, w.pool.Stats().Submitted)
}

// submit has the pool run tasks until ctx ends, and checks how each of them ends.
func (w *chaosWorld) submit(ctx context.Context, t *testing.T) {
	submitted := 0
	numbers := func(yield func(int) bool) {
		for ; ctx.Err() == nil && yield(submitted); submitted++ {
			continue
		}
	}
	seen := map[int]int{}
	for r := range chaosTask.IMapUnordered(context.Background(), w.pool, numbers).Results() {
		seen[r.Index]++
		var lost *pool.WorkerLostError
		switch {
		case r.Err == nil && r.Value != r.Index*r.Index:
			t.Errorf("task %d returned %d", r.Index, r.Value)
		case r.Err == nil, errors.As(r.Err, &lost), errors.Is(r.Err, pool.ErrTaskTimeout):
		default:
			t.Errorf("task %d: %v", r.Index, r.Err)
		}
	}
	for i := range submitted {
		if seen[i] != 1 {
			t.Errorf("task %d of %d ended %d times", i, submitted, seen[i])
		}
	}
	if len(seen) != submitted {
		t.Errorf("%d tasks ended, and %d were submitted", len(seen), submitted)
	}
}

// produce puts items until ctx ends, and returns how many there are. One that was being put then is or is not there.
func (w *chaosWorld) produce(ctx context.Context, t *testing.T) (put int) {
	for ctx.Err() == nil {
		if err := w.queue.Put(ctx, put+1); err == nil {
			put++
		} else if ctx.Err() == nil {
			t.Errorf("put: %v", err)
			return put
		}
	}
	return put
}

// shoot kills, stops and continues until ctx ends. What it has stopped goes on at its return.
func (w *chaosWorld) shoot(ctx context.Context, t *testing.T, random *rand.Rand) (shots int) {
	var thaws sync.WaitGroup
	defer thaws.Wait()
	freeze := func(p multiproctest.Process, d time.Duration) {
		id := p.Identity()
		if id.Signal(syscall.SIGSTOP) == nil {
			thaws.Go(func() {
				<-time.After(d)
				_ = id.Signal(syscall.SIGCONT) // it may be gone
			})
		}
	}
	for ctx.Err() == nil {
		select {
		case <-time.After(time.Duration(5+random.IntN(30)) * time.Millisecond):
		case <-ctx.Done():
			continue
		}
		shots++
		length := time.Duration(random.IntN(100)) * time.Millisecond
		switch target := random.IntN(10); {
		case target < 5:
			workers := multiproctest.Workers(t, w.pool)
			if len(workers) == 0 {
				continue
			}
			if victim := workers[random.IntN(len(workers))]; target < 3 {
				_ = victim.Identity().Signal(syscall.SIGKILL) // it may be gone
			} else {
				freeze(victim, 10*length)
			}
		case target < 7:
			i := random.IntN(len(w.clients))
			multiproctest.Kill(t, w.clients[i])
			w.clients[i] = w.startClient(t)
		case target < 9:
			freeze(w.clients[random.IntN(len(w.clients))], length)
		default:
			freeze(w.manager.Process(), length)
		}
	}
	return shots
}

// endInPeace waits until all items are done, ends the clients by the end of the queue, and finds the manager empty.
func (w *chaosWorld) endInPeace(ctx context.Context, t *testing.T, put int) {
	if err := w.queue.Join(ctx); err != nil {
		info, _ := w.manager.Info(context.Background())
		t.Errorf("%d items are not done: %v; %+v", put, err, info)
	}
	if err := w.queue.Close(ctx); err != nil {
		t.Error(err)
	}
	for _, c := range w.clients {
		if err := c.Wait(ctx); err != nil {
			t.Errorf("a client: %v\n%s", err, c.StderrTail())
		}
	}
	if err := errors.Join(w.queue.Proxy.Close(), w.lock.Close()); err != nil {
		t.Error(err)
	}
	multiproctest.CheckManagerEmpty(t, w.manager)
	if err := w.manager.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// endByDeath kills the manager: whoever calls it is told, and the clients end by that.
func (w *chaosWorld) endByDeath(ctx context.Context, t *testing.T) {
	multiproctest.KillManager(t, w.manager)
	if _, err := w.lock.Acquire(ctx); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("a lock of a manager that was killed: %v", err)
	}
	for _, c := range w.clients {
		if err := c.Wait(ctx); err == nil || ctx.Err() != nil {
			t.Errorf("a client of a manager that was killed ended with %v", err)
		}
	}
	_, _, _ = w.queue.Proxy.Close(), w.lock.Close(), w.manager.Close() // whatever a dead manager says to that
	await := finalize.Tree{Roots: []finalize.Identity{w.manager.Process().Identity()}}
	if left, err := await.Members(); err != nil || len(left) != 0 {
		t.Errorf("left of the manager: %v %v", left, err)
	}
}
