package pool

import (
	"context"
	"slices"
	stdsync "sync"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/manager"
)

func init() {
	manager.RegisterType(manager.Type{
		Name: sharedType, ByMethodsOnly: true, Methods: []string{methodGet, methodNext, methodReady, methodCancel},
	})
}

// sharedJob is a job of a hosted pool whose outcomes stay in the manager, as a shared object. It is their sink.
// SharedResult and SharedIterator are the other ends.
type sharedJob struct {
	*job
	host    *manager.Host // the attachment's at first, then its own
	ordered bool

	mu       stdsync.Mutex // guards the fields below
	kept     []keep        // by task: what its argument keeps alive
	outcomes []sharedOutcome
	arrived  []int // tasks that have ended, in that order
	next     int   // how many outcomes were handed out
	waiters  []*manager.Request
	gone     bool
}

// sharedOutcome is an encoded outcome, nil before it is there, and what keeps alive the objects in it.
type sharedOutcome struct {
	encoded []byte
	kept    keep
}

// share submits tasks and answers with their shared job.
func (a *attachment) share(c *manager.Request) {
	c.OnCancel(func() {})
	a.host.Go(func(context.Context) {
		s, err := a.submitShared(c.Context(), c.Argument)
		if err != nil {
			c.Fail(err)
			return
		}
		c.ReturnObject(sharedType, func(*manager.Host) (manager.Object, error) { return s, nil })
		if c.Cancelled() { // there may be nobody who refers to it
			s.cancel(errCancelled)
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
	keeps, err := keepArguments(ctx, a.owner, m)
	if err != nil {
		return nil, err
	}
	s := &sharedJob{
		job:  &job{pool: a.pool, ctx: context.Background(), entry: function, timeout: max(0, m.timeout)},
		host: a.owner, ordered: m.job != 0, kept: keeps, outcomes: make([]sharedOutcome, len(m.tasks)),
	}
	s.sink = s
	tasks := make([]task, len(m.tasks))
	for i, t := range m.tasks {
		tasks[i] = task{job: s.job, index: i, arg: t.arg}
	}
	if err := a.pool.submit(ctx, tasks); err != nil {
		dropAll(keeps)
		return nil, err
	}
	return s, nil
}

// Call carries out a method.
func (s *sharedJob) Call(c *manager.Request) {
	switch c.Method {
	case methodReady:
		s.mu.Lock()
		defer s.mu.Unlock()
		c.Return(msgp.AppendBool(nil, len(s.arrived) == len(s.outcomes)))
	case methodCancel:
		s.cancel(errCancelled)
		c.Return(nil)
	default:
		c.OnCancel(func() { s.giveUp(c) })
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waiters = append(s.waiters, c)
		s.serveLocked()
	}
}

func (s *sharedJob) giveUp(c *manager.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiters = slices.DeleteFunc(s.waiters, func(w *manager.Request) bool { return w == c })
	c.Fail(context.Canceled)
}

// settle takes the outcome of a task. It is called by links.
func (s *sharedJob) settle(index int, o outcome) {
	if o.err != nil || !s.entry.holds {
		s.place(index, appendShared(index, o, false), keep{})
		return
	}
	value := append([]byte(nil), o.value...)
	s.pool.callback(func() { // taking the proxies over may wait for their managers
		k, err := keepResult(s.host, value)
		s.place(index, appendShared(index, outcome{kind: o.kind, value: value, err: err}, err == nil), k)
	})
}

func (s *sharedJob) place(index int, encoded []byte, k keep) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) > 0 {
		s.kept[index].drop()
	}
	if s.gone {
		k.drop()
		return
	}
	s.outcomes[index] = sharedOutcome{encoded, k}
	s.arrived = append(s.arrived, index)
	s.serveLocked()
}

// serveLocked answers the waiters whose outcome is there, in their order.
func (s *sharedJob) serveLocked() {
	s.waiters = slices.DeleteFunc(s.waiters, func(c *manager.Request) bool {
		switch {
		case c.Cancelled():
			return false // giveUp answers it
		case c.Method == methodGet && s.outcomes[0].encoded != nil:
			c.Return(slices.Clone(s.outcomes[0].encoded))
			return true
		case c.Method == methodNext:
			return s.handOutLocked(c)
		}
		return false
	})
}

// handOutLocked answers with the next outcome, which is this caller's alone, or with nothing at the end.
func (s *sharedJob) handOutLocked(c *manager.Request) bool {
	if s.next == len(s.outcomes) {
		c.Return(nil)
		return true
	}
	index := s.next
	if !s.ordered {
		if s.next == len(s.arrived) {
			return false
		}
		index = s.arrived[s.next]
	}
	o := &s.outcomes[index]
	if o.encoded == nil {
		return false
	}
	s.next++
	c.Return(o.encoded)
	if o.kept.foreign == nil && o.kept.proxies == nil { // what is of other managers is kept until the iterator goes
		o.kept.drop()
		o.kept = keep{}
	}
	o.encoded = nil
	return true
}

// Destroyed cancels what has not ended: nobody refers to the result.
func (s *sharedJob) Destroyed() {
	s.mu.Lock()
	s.gone = true
	outcomes := s.outcomes
	s.mu.Unlock()
	for _, o := range outcomes {
		o.kept.drop()
	}
	s.host.Go(func(context.Context) { s.cancel(errCancelled) })
}
