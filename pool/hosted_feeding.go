package pool

import (
	"context"
	"errors"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// errUnfed is why a shared iterator ends early whose submitter is gone.
const errUnfed = cutShortBy("the process that reads it has ended, or has closed its handle of the pool")

// share submits tasks and answers with their shared job.
func (a *attachment) share(c *manager.Request) {
	c.OnCancel(func() {})
	a.host.Go(func(context.Context) {
		s, err := a.submitShared(c.Context(), c.Argument)
		if err != nil {
			c.Fail(err)
			return
		}
		made := false
		c.ReturnObject(sharedType, func(host *manager.Host) (manager.Object, error) {
			made = true
			s.settleIn(host)
			return s, nil
		})
		if !made { // the client is gone
			s.Destroyed()
		}
	})
}

func (a *attachment) submitShared(ctx context.Context, message []byte) (*sharedJob, error) {
	m, err := readSubmission(message)
	if err != nil {
		return nil, err
	}
	function := functions.named(m.function)
	if function == nil {
		return nil, errUnknownFunction
	}
	s := &sharedJob{
		job: &job{pool: a.pool, ctx: context.Background(), entry: function, timeout: max(0, m.timeout),
			again: m.again, retry: m.policyIn(a.pool)},
		host: a.owner, ordered: m.mode&modeOrdered != 0,
		kept: map[int]keep{}, pending: map[int]sharedOutcome{}, delivered: map[*manager.Session]map[int]keep{},
	}
	s.sink = s
	s.carry(m.trace)
	s.valve = newValve(a.pool, a.host, func(j *job) bool { return j.sink == sink(s) })
	s.valve.onOpen = s.feed
	if m.mode&modeOpen != 0 {
		err = a.open(ctx, s, m.job)
	} else if err = a.pool.begin(ctx); err == nil { // so that a pool that shuts down refuses it
		defer a.pool.end()
	}
	if err != nil {
		return nil, err
	}
	if err := s.submit(ctx, m); err != nil {
		s.Destroyed()
		return nil, err
	}
	if m.mode&modeOpen == 0 {
		s.endFeed(nil)
	}
	return s, nil
}

// open has the client feed a shared job.
func (a *attachment) open(ctx context.Context, s *sharedJob, number uint64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.gone:
		return context.Canceled
	case a.feeds[number] != nil:
		return errHostedMessage
	}
	if err := a.pool.begin(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.unlock()
	unwatch := context.AfterFunc(a.pool.lifetime, func() { s.endFeed(cutShort(ErrClosed)) })
	s.unfeed = func() {
		unwatch()
		a.pool.end()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.feeds, number)
	}
	a.feeds[number] = s
	return nil
}

// feedShared takes more tasks for a shared job, and answers how many it takes altogether. Without any it answers when it
// takes more.
func (a *attachment) feedShared(c *manager.Request) {
	m, err := readSubmission(c.Argument)
	if err != nil {
		c.Fail(err)
		return
	}
	a.mu.Lock()
	s := a.feeds[m.job]
	a.mu.Unlock()
	switch {
	case s == nil:
		c.Fail(errCancelled)
	case len(m.tasks) == 0:
		c.OnCancel(func() { s.leaveFeed(c) })
		s.mu.Lock()
		defer s.unlock()
		s.feeder = c
		s.feedLocked()
	default:
		answerLater(a.host, c, func(ctx context.Context) ([]byte, error) {
			if err := s.submit(ctx, m); err != nil {
				return nil, err
			}
			s.mu.Lock()
			defer s.unlock()
			return msgp.AppendInt(nil, s.allowedLocked()), nil
		})
	}
}

// endShared ends the feed of a shared job.
func (a *attachment) endShared(message []byte) error {
	r := newReader(message)
	r.Array()
	number := r.Uint()
	failed := r.Bool()
	var failure error
	if failed {
		failure = r.failure(func(e *RemoteError) error { return e })
	}
	if err := r.Err(); err != nil {
		return errors.Join(errHostedMessage, err)
	}
	a.mu.Lock()
	s := a.feeds[number]
	a.mu.Unlock()
	if s != nil {
		s.endFeed(failure)
	}
	return nil
}

// appendEndOfFeed encodes what endShared reads.
func appendEndOfFeed(number uint64, failure error) []byte {
	dst := msgp.AppendUint64(msgp.AppendArrayHeader(nil, 3), number)
	if failure == nil {
		return msgp.AppendBytes(msgp.AppendBool(dst, false), nil)
	}
	return msgp.AppendBytes(msgp.AppendBool(dst, true), wire.AppendError(nil, failure))
}

// submit puts tasks into the pool's queue, all or none. It blocks while the queue is full.
func (s *sharedJob) submit(ctx context.Context, m *submission) error {
	if len(m.tasks) == 0 {
		return nil
	}
	if m.mode&modeFailed != 0 { // inputs that could not be encoded
		return s.fail(m)
	}
	s.mu.Lock()
	host := s.host
	s.mu.Unlock()
	keeps, err := keepArguments(ctx, host, m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.fed {
		s.mu.Unlock()
		dropAll(keeps)
		return errCancelled
	}
	tasks := make([]task, len(m.tasks))
	for i, t := range m.tasks {
		tasks[i] = task{job: s.job, index: s.submitted + i, arg: t.arg}
	}
	for i, k := range keeps {
		if !k.empty() {
			s.kept[s.submitted+i] = k
		}
	}
	s.submitted += len(tasks)
	s.mu.Unlock()
	if err := s.pool.submit(ctx, tasks); err != nil {
		s.mu.Lock()
		defer s.unlock()
		s.submitted -= len(tasks)
		for _, t := range tasks {
			s.dropped = append(s.dropped, s.kept[t.index])
			delete(s.kept, t.index)
		}
		s.serveLocked() // it may be the end now
		return err
	}
	s.valve.entered()
	return nil
}

// fail makes outcomes of the errors of inputs.
func (s *sharedJob) fail(m *submission) error {
	for _, t := range m.tasks {
		failure, err := wire.DecodeError(t.arg)
		if err != nil {
			return errors.Join(errHostedMessage, err)
		}
		s.mu.Lock()
		if s.fed {
			s.mu.Unlock()
			return errCancelled
		}
		index := s.submitted
		s.submitted++
		s.mu.Unlock()
		s.place(index, sharedOutcome{outcome: outcome{kind: Failed, err: &hostError{failure}}})
	}
	return nil
}

// allowedLocked returns how many tasks may be submitted altogether at the moment.
func (s *sharedJob) allowedLocked() int {
	if !s.valve.isOpen() {
		return s.submitted
	}
	return s.next + s.pool.readAhead()
}

func (s *sharedJob) feed() {
	s.mu.Lock()
	defer s.unlock()
	s.feedLocked()
}

// feedLocked answers who feeds, if there is room or no more is wanted.
func (s *sharedJob) feedLocked() {
	c := s.feeder
	switch {
	case c == nil || c.Cancelled():
		return
	case s.fed:
		c.Fail(errCancelled)
	case s.allowedLocked() > s.submitted:
		c.Return(msgp.AppendInt(nil, s.allowedLocked()))
	default:
		return
	}
	s.feeder = nil
}

func (s *sharedJob) leaveFeed(c *manager.Request) {
	s.mu.Lock()
	defer s.unlock()
	if s.feeder == c {
		s.feeder = nil
	}
	c.Fail(context.Canceled)
}

// endFeed notes that no more tasks come, and why, if there were to be more.
func (s *sharedJob) endFeed(failure error) {
	s.mu.Lock()
	unfeed := s.unfeed
	s.unfeed = nil
	if !s.fed {
		s.fed, s.failure = true, failure
		s.serveLocked()
	}
	s.unlock()
	if unfeed != nil {
		unfeed()
	}
}
