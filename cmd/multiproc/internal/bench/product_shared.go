package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A rota is the argument of a task that does the same with a shared object again and again, together with others.
type rota[P any] struct {
	Object  P
	Meeting string // where to wait for the others
	Times   int
}

// perform does work once the others are there.
func (r rota[P]) perform(ctx context.Context, work func() error) (struct{}, error) {
	_, err := meet(ctx, r.Meeting)
	if err == nil {
		err = work()
	}
	return struct{}{}, err
}

var contendTask = pool.RegisterNamed("multiproc.bench.contend", func(ctx context.Context, r rota[*mpsync.Lock]) (struct{}, error) {
	defer r.Object.Close()
	return r.perform(ctx, func() error {
		for range r.Times {
			if err := lockOnce(ctx, r.Object); err != nil {
				return err
			}
		}
		return nil
	})
})

var askTask = pool.RegisterNamed("multiproc.bench.ask", func(ctx context.Context, r rota[*mpsync.Value[int]]) (struct{}, error) {
	defer r.Object.Close()
	return r.perform(ctx, func() error { return ask(ctx, r.Object, r.Times) })
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
			return atOnce(ctx, p, contendTask, lock, 2, n)
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
				return atOnce(ctx, p, askTask, value, processes, n)
			},
			close: func() error { return errors.Join(p.Close(), m.Close()) },
		}, nil
	}
}

// atOnce has workers, one for each task, share n turns at an object from the same moment on, and returns the seconds until all have
// ended.
func atOnce[P any](ctx context.Context, p *pool.Pool, f *pool.Function[rota[P], struct{}], object P, tasks, n int) (float64, error) {
	together, err := newMeeting(ctx)
	if err != nil {
		return 0, err
	}
	defer together.close()
	part := rota[P]{Object: object, Meeting: together.address(), Times: max(1, n/tasks)}
	all, err := f.MapAsync(ctx, p, slices.Repeat([]rota[P]{part}, tasks))
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
