package integration

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A workshop is what workers that may die at any time have in common.
type workshop struct {
	Lock  *mpsync.Lock
	Steps *mpsync.Array[int] // entered, left, and how often somebody was inside already

	In  *mpsync.JoinableQueue[int]
	Out *mpsync.Queue[int]

	Guard     *mpsync.Lock
	Condition *mpsync.Condition
	Goods     *mpsync.Array[int] // there, taken

	Counts *mpsync.Dict[string, int]
}

func newWorkshop(ctx context.Context, m *manager.Manager) workshop {
	guard := must(mpsync.NewLock(ctx, m))
	return workshop{
		Lock: must(mpsync.NewLock(ctx, m)), Steps: must(mpsync.NewArray(ctx, m, []int{0, 0, 0})),
		In: must(mpsync.NewJoinableQueue[int](ctx, m, 16)), Out: must(mpsync.NewQueue[int](ctx, m, 0)),
		Guard: guard, Condition: must(mpsync.NewCondition(ctx, m, guard)), Goods: must(mpsync.NewArray(ctx, m, []int{0, 0})),
		Counts: must(mpsync.NewDict[string, int](ctx, m)),
	}
}

func (w workshop) close() {
	for _, p := range []*manager.Proxy{
		&w.Lock.Proxy, &w.Steps.Proxy, &w.In.Proxy, &w.Out.Proxy, &w.Guard.Proxy, &w.Condition.Proxy, &w.Goods.Proxy, &w.Counts.Proxy,
	} {
		p.Close()
	}
}

var labouring = spawn.RegisterNamed("integration.labour", func(ctx context.Context, w workshop) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := []func(context.Context) error{w.pass, w.move, w.take, w.count}
	ended := make(chan error, len(jobs))
	for _, job := range jobs {
		go func() {
			var err error
			for err == nil {
				err = job(ctx)
			}
			if !errors.Is(err, context.Canceled) {
				cancel(err)
			}
			ended <- err
		}()
	}
	for range jobs {
		<-ended
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
})

// pass goes through the section that the lock guards.
func (w workshop) pass(ctx context.Context) (err error) {
	held, err := w.Lock.Acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	steps, err := w.Steps.Snapshot(context.Background()) // what is begun inside is not given up
	if err != nil {
		return err
	}
	if steps[0] != steps[1] && !held.OwnerDied() {
		if _, err := w.Steps.Add(context.Background(), 2, 1); err != nil {
			return err
		}
	}
	if err := w.Steps.Set(context.Background(), 0, steps[0]+1); err != nil {
		return err
	}
	return w.Steps.Set(context.Background(), 1, steps[0]+1)
}

// move moves one item. What is redelivered may be out already, and is put there once more, marked.
func (w workshop) move(ctx context.Context) error {
	item, err := w.In.GetItem(ctx)
	if err != nil {
		return err
	}
	value := item.Value
	if item.Redelivered {
		value = -value
	}
	if err := w.Out.Put(context.Background(), value); err != nil {
		return err
	}
	return w.In.ItemDone(context.Background(), item)
}

// take waits for goods, and takes one.
func (w workshop) take(ctx context.Context) (err error) {
	held, err := w.Condition.Acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	for {
		n, err := w.Goods.Get(context.Background(), 0)
		if err != nil {
			return err
		}
		if n > 0 {
			break
		}
		if err := w.Condition.Wait(ctx, held); err != nil {
			return err
		}
	}
	if _, err := w.Goods.Add(context.Background(), 0, -1); err != nil {
		return err
	}
	_, err = w.Goods.Add(context.Background(), 1, 1)
	return err
}

// count counts in two ways, and once more for itself.
func (w workshop) count(ctx context.Context) error {
	if _, err := w.Counts.Add(ctx, "by Add", 1); err != nil {
		return err
	}
	if _, err := w.Counts.Add(ctx, strconv.Itoa(os.Getpid()), 1); err != nil {
		return err
	}
	_, _, err := w.Counts.Modify(ctx, "by Modify", func(n int, _ bool) (int, bool) { return n + 1, true })
	return err
}

// supply adds one of the goods, and tells one who waits.
func (w workshop) supply(ctx context.Context) error {
	held, err := w.Condition.Acquire(ctx)
	if err != nil {
		return err
	}
	_, err = w.Goods.Add(ctx, 0, 1)
	if err == nil {
		_, err = w.Condition.Notify(ctx, held, 1)
	}
	return errors.Join(err, held.Release())
}

// chaosTime is how long processes are killed and stopped: MULTIPROC_CHAOS_TIME, or a few seconds.
func chaosTime(t *testing.T) time.Duration {
	t.Helper()
	if given := os.Getenv("MULTIPROC_CHAOS_TIME"); given != "" {
		return must(time.ParseDuration(given))
	}
	if testing.Short() {
		return 500 * time.Millisecond
	}
	return 3 * time.Second
}

// chaosSeed is MULTIPROC_CHAOS_SEED, or another one each time.
func chaosSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if given := os.Getenv("MULTIPROC_CHAOS_SEED"); given != "" {
		seed = must(strconv.ParseUint(given, 10, 64))
	}
	t.Logf("MULTIPROC_CHAOS_SEED=%d", seed)
	return seed
}

// Workers are killed, stopped for a while, or both, while they do everything that processes can have in common.
func TestWorkshopOfProcessesThatAreKilledAndStopped(t *testing.T) {
	m := must(manager.Start(t.Context(), &manager.Options{TransitGrace: time.Second}))
	w := newWorkshop(t.Context(), m)
	c := &chaos{t: t, w: w, random: rand.New(rand.NewPCG(chaosSeed(t), 0))}
	t.Cleanup(func() {
		w.close()
		multiproctest.CheckManagerEmpty(t, m)
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for range 4 {
		c.workers = append(c.workers, c.start())
	}
	ctx, cancel := context.WithTimeout(t.Context(), chaosTime(t))
	defer cancel()
	fed := make(chan feed, 1)
	go func() { fed <- w.feed(ctx) }()
	c.disturb(ctx)
	c.settle(<-fed)
	c.stopAll()
	c.compare()
}

// A feed is how much was given to the workers.
type feed struct {
	items, goods int
	err          error
}

func (w workshop) feed(ctx context.Context) (f feed) {
	for ctx.Err() == nil && f.err == nil {
		f.items++
		f.goods++
		f.err = errors.Join(w.In.Put(context.Background(), f.items), w.supply(context.Background()))
	}
	return f
}
