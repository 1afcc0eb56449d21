package sync_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A store is a number of goods, and a condition that is notified of each. Who is cut off may have added or taken one
// without knowing.
type store struct {
	lock      *mpsync.Lock
	condition *mpsync.Condition
	goods     *mpsync.Value[int]
	inside    *mpsync.Value[int] // 1 while somebody who is alive has the lock
}

func storeOf(ctx context.Context, m *manager.Manager) (s store, err error) {
	var errs [4]error
	s.lock, errs[0] = mpsync.NewLock(ctx, m, mpsync.Named("guard"))
	s.condition, errs[1] = mpsync.NewCondition(ctx, m, s.lock, mpsync.Named("condition"))
	s.goods, errs[2] = mpsync.NewValue(ctx, m, 0, mpsync.Named("goods"))
	s.inside, errs[3] = mpsync.NewValue(ctx, m, 0, mpsync.Named("inside"))
	return s, errors.Join(errs[:]...)
}

// guarded does something with the lock held. Nothing in it is given up half way.
func (s store) guarded(ctx context.Context, do func(*mpsync.Held) error) (err error) {
	held, err := s.lock.Acquire(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if left := s.leave(); err == nil {
			err = left
		}
		if released := held.Release(); err == nil {
			err = released
		}
	}()
	if err := s.enter(held); err != nil {
		return err
	}
	return do(held)
}

func (s store) enter(held *mpsync.Held) error {
	before, err := s.inside.Swap(context.Background(), 1)
	if err == nil && before != 0 && !held.OwnerDied() {
		return errors.New("somebody is inside already")
	}
	return err
}

func (s store) leave() error { return s.inside.Set(context.Background(), 0) }

// take waits for one of the goods. It is nil if it has taken one. What is called when it was notified may be nil.
func (s store) take(ctx context.Context, notified func()) error {
	return s.guarded(ctx, func(held *mpsync.Held) error {
		for {
			n, err := s.goods.Get(context.Background())
			if err != nil {
				return err
			}
			if n > 0 {
				_, err := s.goods.Add(context.Background(), -1)
				return err
			}
			if err := s.leave(); err != nil {
				return err
			}
			waited := s.condition.Wait(ctx, held)
			if waited == nil && notified != nil {
				notified()
			}
			if err := s.enter(held); err != nil {
				return err
			}
			if waited != nil {
				return waited
			}
		}
	})
}

func (s store) supply(ctx context.Context) error {
	return s.guarded(ctx, func(held *mpsync.Held) error {
		if _, err := s.goods.Add(context.Background(), 1); err != nil {
			return err
		}
		_, err := s.condition.Notify(context.Background(), held, 1)
		return err
	})
}

// lookout fails where goods are there, and all who want them go on waiting to hear of it.
func (s store) lookout(m *manager.Manager) error {
	return s.guarded(context.Background(), func(*mpsync.Held) error {
		n, err := s.goods.Get(context.Background())
		if err != nil || n == 0 {
			return err
		}
		info, err := m.Info(context.Background())
		if err != nil {
			return err
		}
		atLock, atCondition := 0, 0
		for _, o := range info.Objects {
			switch o.Type {
			case "Lock":
				atLock += len(o.Waiters)
			case "Condition":
				atCondition += len(o.Waiters)
			}
		}
		if atCondition > 0 && atLock == 0 {
			return fmt.Errorf("%d goods are there, and none of the %d who wait was told", n, atCondition)
		}
		return nil
	})
}

func TestHistoriesOfConditions(t *testing.T) { testHistoriesOfConditions(t, newStage(t)) }

func TestHistoriesOfConditionsOfLocksThatAreLent(t *testing.T) {
	testHistoriesOfConditions(t, newLocalStage(t))
}

func testHistoriesOfConditions(t *testing.T, s *stage) {
	rapid.Check(t, func(t *rapid.T) {
		left := 0
		all := s.perform(t, play{
			scripts: drawScripts(t, 5, 4, 1, "take", "take", "die", "supply"),
			prepare: func(ctx context.Context, p *player) (func(step), error) {
				store, err := storeOf(ctx, p.m)
				return func(s step) {
					p.do(s, func(ctx context.Context, a *action) (err error) {
						switch s.kind {
						case "take":
							return store.take(ctx, nil)
						case "die": // when it was notified
							return store.take(ctx, func() { p.end(true) })
						case "supply":
							return store.supply(ctx)
						case "lookout":
							return store.lookout(p.m)
						}
						left, err = store.goods.Get(ctx)
						return err
					})
				}, err
			},
			free: []step{{kind: "lookout"}, {kind: "supply"}},
			last: []step{{kind: "count"}},
		})
		supplied, taken, lost := 0, 0, 0
		for _, a := range all {
			switch {
			case a.lost:
				lost++
			case a.err != nil:
				t.Errorf("%v", a)
			case a.gaveUp:
			case a.kind == "take", a.kind == "die":
				taken++
			case a.kind == "supply":
				supplied++
			}
		}
		if gone := supplied - taken - left; left < 0 || max(gone, -gone) > lost {
			t.Errorf("%d were supplied, %d taken, %d are left, and %d did not hear; all: %v", supplied, taken, left, lost, all)
		}
	})
}
