package sync_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	mpsync "github.com/multiproc-go/multiproc/sync"
)

// lockState is a lock: the depth is how often its holder has it.
type lockState struct {
	holder int // a worker, or -1
	depth  int
	fence  uint64 // the last that is known
	died   bool   // whoever had it before died
	owned  bool   // whoever has it was told that
}

// lockModel is for a Lock, or with reentrant for an RLock.
func lockModel(reentrant bool) model[lockState] {
	return model[lockState]{lockState{holder: -1}, func(s lockState, a action) []lockState {
		free := s.holder == -1
		mine := reentrant && s.holder == a.worker
		switch {
		case a.kind == ends:
			if s.holder == a.worker {
				s.holder, s.depth, s.died = -1, 0, true
			}
		case a.kind == "release":
			if s.holder != a.worker || a.err != nil && !a.lost {
				return nil
			}
			if s.depth--; s.depth == 0 {
				s.holder = -1
			}
		case a.kind == "try" && !a.lost && !a.ok:
			if free || mine || a.err != nil {
				return nil
			}
		case !free && !mine || a.err != nil && !a.lost:
			return nil
		default:
			if free {
				s.holder, s.owned, s.died = a.worker, s.died, false
			}
			s.depth++
			if a.lost {
				break
			}
			if a.died != s.owned || free && a.fence <= s.fence || !free && a.fence != s.fence {
				return nil
			}
			s.fence = a.fence
		}
		return []lockState{s}
	}}
}

// An acquirer is a lock of one worker.
type acquirer struct {
	acquire, try func(context.Context) (*mpsync.Held, error)
	held         []*mpsync.Held
	most         int // how many holds are taken at most
}

// follow carries out one step: who has the lock as often as may be releases it.
func (l *acquirer) follow(p *player, s step) {
	if len(l.held) == l.most || s.kind == "release" {
		if len(l.held) == 0 {
			return
		}
		last := l.held[len(l.held)-1]
		l.held = l.held[:len(l.held)-1]
		s.kind = "release"
		p.do(s, func(context.Context, *action) error { return last.Release() })
		return
	}
	take := l.acquire
	if s.kind == "try" {
		take = l.try
	}
	p.do(s, func(ctx context.Context, a *action) error {
		held, err := take(ctx)
		if err != nil || held == nil {
			return err
		}
		l.held = append(l.held, held)
		a.ok, a.died, a.fence = true, held.OwnerDied(), held.Fence()
		return nil
	})
}

func TestHistoriesOfLocks(t *testing.T) { testHistoriesOfLocks(t, newStage(t)) }

func TestHistoriesOfLocksThatAreLent(t *testing.T) { testHistoriesOfLocks(t, newLocalStage(t)) }

func testHistoriesOfLocks(t *testing.T, s *stage) {
	rapid.Check(t, func(t *rapid.T) {
		scripts := drawScripts(t, 4, 4, 1, "acquire", "acquire", "try", "release")
		actions := s.perform(t, play{scripts: scripts, prepare: func(ctx context.Context, p *player) (func(step), error) {
			lock, err := mpsync.NewLock(ctx, p.m, mpsync.Named("lock"))
			if err != nil {
				return nil, err
			}
			l := &acquirer{acquire: lock.Acquire, try: lock.TryAcquire, most: 1}
			return func(s step) { l.follow(p, s) }, nil
		}, last: []step{{kind: "acquire"}, {kind: "release"}}})
		checkExplained(t, lockModel(false), actions)
	})
}

func TestHistoriesOfRLocks(t *testing.T) {
	s := newStage(t)
	rapid.Check(t, func(t *rapid.T) {
		scripts := drawScripts(t, 4, 5, 1, "acquire", "acquire", "try", "release")
		actions := s.perform(t, play{scripts: scripts, prepare: func(ctx context.Context, p *player) (func(step), error) {
			lock, err := mpsync.NewRLock(ctx, p.m, mpsync.Named("rlock"))
			if err != nil {
				return nil, err
			}
			me := mpsync.NewOwner()
			l := &acquirer{
				acquire: func(ctx context.Context) (*mpsync.Held, error) { return lock.Acquire(ctx, me) },
				try:     func(ctx context.Context) (*mpsync.Held, error) { return lock.TryAcquire(ctx, me) },
				most:    3,
			}
			return func(s step) { l.follow(p, s) }, nil
		}, last: []step{{kind: "acquire"}, {kind: "release"}}})
		checkExplained(t, lockModel(true), actions)
	})
}

// semaphoreState is the free units, and who has the others, the oldest first.
type semaphoreState struct {
	units int
	holds []int
}

func semaphoreModel(units int) model[semaphoreState] {
	return model[semaphoreState]{semaphoreState{units: units}, func(s semaphoreState, a action) []semaphoreState {
		s.holds = slices.Clone(s.holds)
		switch {
		case a.kind == ends:
			held := len(s.holds)
			s.holds = slices.DeleteFunc(s.holds, func(w int) bool { return w == a.worker })
			s.units += held - len(s.holds)
		case a.kind == "release":
			if over := s.units == units; over != errors.Is(a.err, mpsync.ErrOverReleased) && !a.lost {
				return nil
			} else if over {
				break
			}
			s.units++
			at := max(0, slices.Index(s.holds, a.worker))
			s.holds = slices.Delete(s.holds, at, at+1)
		case a.kind == "value":
			if !a.lost && a.result != s.units {
				return nil
			}
		case a.kind == "try" && !a.lost && !a.ok:
			if s.units > 0 || a.err != nil {
				return nil
			}
		case s.units == 0 || a.err != nil && !a.lost:
			return nil
		default:
			s.units--
			s.holds = append(s.holds, a.worker)
		}
		return []semaphoreState{s}
	}}
}

// Units are released also by those who have none.
func TestHistoriesOfSemaphores(t *testing.T) {
	s := newStage(t)
	const units = 2
	rapid.Check(t, func(t *rapid.T) {
		scripts := drawScripts(t, 4, 5, 1, "acquire", "acquire", "try", "release", "value")
		actions := s.perform(t, play{scripts: scripts, prepare: func(ctx context.Context, p *player) (func(step), error) {
			semaphore, err := mpsync.NewBoundedSemaphore(ctx, p.m, units, mpsync.Named("semaphore"))
			return func(s step) {
				acquired := 0
				for _, a := range p.actions {
					if a.err == nil && !a.gaveUp && (a.kind == "acquire" || a.kind == "try" && a.ok) {
						acquired = 1
					} else if a.kind == "release" {
						acquired = 0
					}
				}
				if s.kind == "acquire" && acquired > 0 { // nobody waits who has one
					s.kind = "release"
				}
				p.do(s, func(ctx context.Context, a *action) (err error) {
					switch s.kind {
					case "acquire":
						return semaphore.Acquire(ctx)
					case "try":
						a.ok, err = semaphore.TryAcquire(ctx)
					case "release":
						return semaphore.Release()
					default:
						a.result, err = semaphore.Value(ctx)
					}
					return err
				})
			}, err
		}, last: []step{{kind: "value"}}})
		checkExplained(t, semaphoreModel(units), actions)
	})
}
