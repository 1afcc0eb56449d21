package sync_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	stdsync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A stay is one hold of a lock, from a moment after it was taken to one before it was released.
type stay struct {
	fence         uint64
	entered, left int64
	died          bool
	released      error
}

// lives are those of sessions that use one lock, each by several goroutines, until they end.
type lives struct {
	host  *host
	clock atomic.Int64

	mu    stdsync.Mutex // guards the field below
	stays []stay
}

// live is the life of one session, which ends in the middle of what it does.
func (l *lives) live(rng *rand.Rand) {
	m := must(manager.Connect(context.Background(), l.host.server.Address(), &manager.Options{Key: l.host.server.Key()}))
	leave := shareMemory(l.host.t, m)
	lock := must(mpsync.NewLock(context.Background(), m, mpsync.Named("of many")))
	var using stdsync.WaitGroup
	for range 3 {
		seed := rng.Uint64()
		using.Go(func() { l.use(lock, rand.New(rand.NewPCG(seed, 0))) })
	}
	stays := l.clock.Load() + int64(rng.IntN(100))
	for l.clock.Load() < stays {
		must(lock.Locked(context.Background()))
	}
	if rng.IntN(2) == 0 {
		expel(leave)
	} else {
		_ = m.Close()
	}
	using.Wait()
	_ = m.Close()
}

// use takes the lock again and again until the session has ended.
func (l *lives) use(lock *mpsync.Lock, rng *rand.Rand) {
	for {
		limit := patience
		if rng.IntN(4) == 0 {
			limit = time.Duration(rng.IntN(200)) * time.Microsecond
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		take := lock.Acquire
		if rng.IntN(3) == 0 {
			take = lock.TryAcquire
		}
		held, err := take(ctx)
		cancel()
		switch {
		case errors.Is(err, manager.ErrManagerLost), errors.Is(err, manager.ErrClosed):
			return
		case err != nil, held == nil:
			continue
		}
		s := stay{fence: held.Fence(), died: held.OwnerDied(), entered: l.clock.Add(1)}
		for range rng.IntN(300) {
			l.clock.Load()
		}
		s.left = l.clock.Add(1)
		s.released = held.Release()
		l.mu.Lock()
		l.stays = append(l.stays, s)
		l.mu.Unlock()
	}
}

// While sessions end that several goroutines take a lock by, no two have it, no fence comes twice, and nobody hears of the death of
// one who has released it.
func TestALentLockOfSessionsThatEndInUse(t *testing.T) {
	l := &lives{host: newHost(t)}
	lasting := own(t, l.host, "of many")
	var living stdsync.WaitGroup
	for n := range uint64(3) {
		living.Go(func() {
			for i := range uint64(60) {
				l.live(rand.New(rand.NewPCG(n, i)))
			}
		})
	}
	living.Wait()
	check(t, must(lasting.Acquire(t.Context())).Release())
	slices.SortFunc(l.stays, func(a, b stay) int { return cmp.Compare(a.fence, b.fence) })
	for i, next := range l.stays[1:] {
		last := l.stays[i]
		switch {
		case last.released != nil && !errors.Is(last.released, manager.ErrManagerLost) && !errors.Is(last.released, manager.ErrClosed):
			t.Errorf("released by its holder: %v", last.released)
		case last.fence == next.fence, last.released == nil && next.entered < last.left:
			t.Errorf("two had it: %+v and %+v", last, next)
		case last.released == nil && next.died && next.fence == last.fence+1:
			t.Errorf("it was released, and its owner died: %+v and %+v", last, next)
		}
	}
}
