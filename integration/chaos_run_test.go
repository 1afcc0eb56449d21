package integration

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

// A chaos is what happens to the workers of a workshop.
type chaos struct {
	t       *testing.T
	w       workshop
	random  *rand.Rand
	workers []*spawn.Process
	killed  int
}

func (c *chaos) start() *spawn.Process {
	c.t.Helper()
	p, err := labouring.Start(c.t.Context(), c.w, &spawn.Options{Grace: 10 * time.Second})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = p.Kill() // most have ended
		<-p.Done()
	})
	return p
}

// disturb kills workers, and stops some for a while, until ctx ends. Whoever was killed is replaced.
func (c *chaos) disturb(ctx context.Context) {
	c.t.Helper()
	for c.pause(ctx, 150*time.Millisecond) {
		i := c.random.IntN(len(c.workers))
		p := c.workers[i]
		fate := c.random.IntN(3)
		if fate > 0 {
			signalTo(c.t, p.PID(), stop)
			c.pause(ctx, 400*time.Millisecond)
		}
		if fate > 1 {
			signalTo(c.t, p.PID(), cont)
			continue
		}
		if err := p.Kill(); err != nil {
			c.t.Fatal(err)
		}
		<-p.Done()
		c.killed++
		c.workers[i] = c.start()
	}
}

// pause waits for some time up to a limit, and reports whether ctx goes on.
func (c *chaos) pause(ctx context.Context, limit time.Duration) bool {
	select {
	case <-time.After(time.Duration(c.random.Int64N(int64(limit)))):
		return true
	case <-ctx.Done():
		return false
	}
}

// settle waits until everything that was fed is done: nobody gets more to do, nor another notification.
func (c *chaos) settle(f feed) {
	c.t.Helper()
	if f.err != nil {
		c.t.Fatal(f.err)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	if err := c.w.In.Join(ctx); err != nil {
		c.t.Fatalf("of %d items, %d are not done: %v", f.items, must(c.w.In.Unfinished(c.t.Context())), err)
	}
	for must(c.w.Goods.Get(c.t.Context(), 0)) > 0 {
		if !c.pause(ctx, 20*time.Millisecond) {
			c.t.Fatalf("goods are left that nobody takes: %d of %d", must(c.w.Goods.Get(c.t.Context(), 0)), f.goods)
		}
	}
	c.checkItems(f.items)
	if taken := must(c.w.Goods.Get(ctx, 1)); taken > f.goods || taken < f.goods-c.killed {
		c.t.Errorf("%d of %d goods were taken, and %d workers killed", taken, f.goods, c.killed)
	}
	c.t.Logf("%d items and goods, %d kills, %d sections", f.items, c.killed, must(c.w.Steps.Get(ctx, 0)))
}

// checkItems looks at what has come out: each item once without a mark at most, and at least once.
func (c *chaos) checkItems(items int) {
	c.t.Helper()
	plain, marked := make([]int, items+1), make([]int, items+1)
	for {
		value, found, err := c.w.Out.TryGet(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		if !found {
			break
		}
		if value < 0 {
			marked[-value]++
			continue
		}
		plain[value]++
	}
	again := 0
	for i := 1; i <= items; i++ {
		if again += marked[i]; plain[i] > 1 || plain[i]+marked[i] == 0 {
			c.t.Errorf("item %d came out %d times, and %d times marked", i, plain[i], marked[i])
		}
	}
	if again > c.killed {
		c.t.Errorf("%d items were marked, and %d workers killed", again, c.killed)
	}
}

// stopAll ends the workers in order.
func (c *chaos) stopAll() {
	c.t.Helper()
	for _, p := range c.workers {
		if err := p.Shutdown(context.Background()); err != nil {
			c.t.Errorf("a worker: %v", err)
		}
	}
}

// compare checks what can be told when all workers have ended.
func (c *chaos) compare() {
	c.t.Helper()
	ctx := c.t.Context()
	steps := must(c.w.Steps.Snapshot(ctx))
	if steps[2] != 0 {
		c.t.Errorf("%d times somebody was inside already", steps[2])
	}
	held := must(c.w.Lock.Acquire(ctx))
	if err := held.Release(); err != nil {
		c.t.Error(err)
	}
	counts := must(c.w.Counts.Snapshot(ctx))
	byAdd, byModify := counts["by Add"], counts["by Modify"]
	delete(counts, "by Add")
	delete(counts, "by Modify")
	sum := 0
	for _, n := range slices.Collect(maps.Values(counts)) {
		sum += n
	}
	most := c.killed + len(c.workers) // between two of their counts
	if byAdd < sum || sum < byModify || byAdd-byModify > most {
		c.t.Errorf("counted %d by Add, %d by each, and %d by Modify; %d workers have ended", byAdd, sum, byModify, most)
	}
}
