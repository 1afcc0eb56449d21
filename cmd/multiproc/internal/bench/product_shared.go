package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// contention is the argument of a task that takes a lock again and again.
type contention struct {
	Lock    *mpsync.Lock
	Meeting string // where to wait for the others
	Times   int
}

var contendTask = pool.RegisterNamed("multiproc.bench.contend", func(ctx context.Context, c contention) (struct{}, error) {
	defer c.Lock.Close()
	if _, err := meet(ctx, c.Meeting); err != nil {
		return struct{}{}, err
	}
	for range c.Times {
		if err := lockOnce(ctx, c.Lock); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, nil
})

func lockOnce(ctx context.Context, lock *mpsync.Lock) error {
	held, err := lock.Acquire(ctx)
	if err != nil {
		return err
	}
	return held.Release()
}

// productCalls asks a shared value, by so many goroutines of one session.
func productCalls(callers int) preparation {
	return func(ctx context.Context, _ *environment, n int) (*runner, error) {
		m, err := manager.Start(ctx, nil)
		if err != nil {
			return nil, err
		}
		value, err := mpsync.NewValue(ctx, m, 1)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		return &runner{
			run: func(ctx context.Context) (float64, error) {
				return split(n, callers, func(_, operations int) error {
					for range operations {
						if _, err := value.Get(ctx); err != nil {
							return err
						}
					}
					return nil
				})
			},
			close: m.Close,
		}, nil
	}
}

// productSessions asks a shared value over so many sessions in turn.
func productSessions(sessions int) preparation {
	return func(ctx context.Context, e *environment, n int) (*runner, error) {
		m, err := manager.Start(ctx, nil)
		if err != nil {
			return nil, err
		}
		connected := []*manager.Manager{}
		closeAll := func() error {
			var failures []error
			for _, session := range connected {
				failures = append(failures, session.Close())
			}
			return errors.Join(append(failures, m.Close())...)
		}
		values := make([]*mpsync.Value[int], e.count(sessions))
		for i := range values {
			session, err := manager.Connect(ctx, m.Address(), &manager.Options{Key: m.Key()})
			if err != nil {
				return nil, errors.Join(fmt.Errorf("session %d: %w", i+1, err), closeAll())
			}
			connected = append(connected, session)
			if values[i], err = mpsync.NewValue(ctx, session, 1, mpsync.Named("multiproc.bench.value")); err != nil {
				return nil, errors.Join(err, closeAll())
			}
		}
		run := func(ctx context.Context) (float64, error) {
			return timed(func() error {
				for i := range n {
					if _, err := values[i%len(values)].Get(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return &runner{run: run, close: closeAll}, nil
	}
}

// productLock takes so many locks in turn.
func productLock(locks int) preparation {
	return func(ctx context.Context, e *environment, n int) (*runner, error) {
		m, err := manager.Start(ctx, nil)
		if err != nil {
			return nil, err
		}
		made := make([]*mpsync.Lock, e.count(locks))
		for i := range made {
			if made[i], err = mpsync.NewLock(ctx, m); err != nil {
				return nil, errors.Join(err, m.Close())
			}
		}
		run := func(ctx context.Context) (float64, error) {
			return timed(func() error {
				for i := range n {
					if err := lockOnce(ctx, made[i%len(made)]); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return &runner{run: run, close: m.Close}, nil
	}
}

// productContended has two worker processes take one lock.
func productContended(ctx context.Context, _ *environment, n int) (*runner, error) {
	m, err := manager.Start(ctx, nil)
	if err != nil {
		return nil, err
	}
	lock, err := mpsync.NewLock(ctx, m)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	p, err := pool.New(ctx, &pool.Options{Workers: 2})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &runner{
		run:   func(ctx context.Context) (float64, error) { return contend(ctx, p, lock, n) },
		close: func() error { return errors.Join(p.Close(), m.Close()) },
	}, nil
}

func contend(ctx context.Context, p *pool.Pool, lock *mpsync.Lock, n int) (float64, error) {
	together, err := newMeeting(ctx)
	if err != nil {
		return 0, err
	}
	defer together.close()
	part := contention{Lock: lock, Meeting: together.address(), Times: max(1, n/2)}
	both, err := contendTask.MapAsync(ctx, p, []contention{part, part})
	if err != nil {
		return 0, err
	}
	if _, err := together.await(ctx, 2); err != nil {
		both.Cancel()
		return 0, err
	}
	return timed(func() error {
		together.release()
		_, err := both.Get(ctx)
		return err
	})
}
