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

// asking is the argument of a task that asks a shared value again and again.
type asking struct {
	Value   *mpsync.Value[int]
	Meeting string // where to wait for the others
	Times   int
}

var askTask = pool.RegisterNamed("multiproc.bench.ask", func(ctx context.Context, a asking) (struct{}, error) {
	defer a.Value.Close()
	if _, err := meet(ctx, a.Meeting); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, ask(ctx, a.Value, a.Times)
})

func ask(ctx context.Context, value *mpsync.Value[int], times int) error {
	for range times {
		if _, err := value.Get(ctx); err != nil {
			return err
		}
	}
	return nil
}

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
				return split(n, callers, func(_, operations int) error { return ask(ctx, value, operations) })
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
		run: func(ctx context.Context) (float64, error) {
			return atOnce(ctx, p, contendTask, 2, func(meeting string) contention {
				return contention{Lock: lock, Meeting: meeting, Times: max(1, n/2)}
			})
		},
		close: func() error { return errors.Join(p.Close(), m.Close()) },
	}, nil
}

// productProcesses asks a shared value, by so many processes at once.
func productProcesses(processes int) preparation {
	return func(ctx context.Context, e *environment, n int) (*runner, error) {
		processes := e.count(processes)
		m, err := manager.Start(ctx, nil)
		if err != nil {
			return nil, err
		}
		value, err := mpsync.NewValue(ctx, m, 1)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		p, err := pool.New(ctx, &pool.Options{Workers: processes})
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		return &runner{
			run: func(ctx context.Context) (float64, error) {
				return atOnce(ctx, p, askTask, processes, func(meeting string) asking {
					return asking{Value: value, Meeting: meeting, Times: max(1, n/processes)}
				})
			},
			close: func() error { return errors.Join(p.Close(), m.Close()) },
		}, nil
	}
}

// atOnce has workers, one for each task, begin at the same time, and returns the seconds until all have ended.
func atOnce[A any](ctx context.Context, p *pool.Pool, f *pool.Function[A, struct{}], tasks int,
	part func(meeting string) A) (float64, error) {
	together, err := newMeeting(ctx)
	if err != nil {
		return 0, err
	}
	defer together.close()
	parts := make([]A, tasks)
	for i := range parts {
		parts[i] = part(together.address())
	}
	all, err := f.MapAsync(ctx, p, parts)
	if err != nil {
		return 0, err
	}
	if _, err := together.await(ctx, tasks); err != nil {
		all.Cancel()
		return 0, err
	}
	return timed(func() error {
		together.release()
		_, err := all.Get(ctx)
		return err
	})
}
