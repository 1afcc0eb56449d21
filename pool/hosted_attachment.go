package pool

import (
	"context"
	"errors"
	"maps"
	"slices"
	stdsync "sync"
	"sync/atomic"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/manager"
)

// attachment is one client's handle of a hosted pool, in the manager: it submits the client's tasks and keeps what
// became of them until the client takes it. It goes with the client's last reference, at the latest when the client
// dies, and with it all that it has pending. hosting is the other end.
type attachment struct {
	pool    *Pool
	host    *manager.Host
	owner   *manager.Host // of the pool's object
	largest atomic.Int64  // bytes of a message to the client
	valve   *valve

	mu       stdsync.Mutex // guards the fields below
	jobs     map[uint64]*hostedJob
	feeds    map[uint64]*sharedJob // that the client feeds
	outcomes []byte                // those that were not taken, encoded
	waiting  []parcel              // the same, each
	taken    []keep                // what the outcomes taken last keep alive: the client has it when it takes again
	taker    *manager.Request
	begun    int // sources of tasks that the client has announced
	gone     bool
}

func newAttachment(p *Pool, host, owner *manager.Host) *attachment {
	a := &attachment{pool: p, host: host, owner: owner, jobs: map[uint64]*hostedJob{}, feeds: map[uint64]*sharedJob{}}
	a.largest.Store(host.MaxMessage())
	a.valve = newValve(p, host, func(j *job) bool {
		hosted, ok := j.sink.(*hostedJob)
		return ok && hosted.attachment == a
	})
	return a
}

// hostedJob is a client's job here, as long as it has tasks here. It is the sink of their outcomes.
type hostedJob struct {
	*job
	attachment *attachment
	number     uint64

	// Guarded by the attachment's mu.
	pending int
	kept    map[int]keep // by task: what its argument keeps alive
}

// parcel is an outcome that was not taken yet.
type parcel struct {
	size int
	kept *keep // what keeps alive the objects in it; nil for nothing
}

// Call carries out a method.
func (a *attachment) Call(c *manager.Request) {
	switch c.Method {
	case methodSettings:
		settings, err := a.settings(c.Argument)
		if err != nil {
			c.Fail(err)
			return
		}
		c.Return(settings)
	case methodSubmit:
		answerLater(a.host, c, func(ctx context.Context) ([]byte, error) { return nil, a.submit(ctx, c.Argument) })
	case methodTake:
		a.take(c)
	case methodTaken:
		a.dropTaken()
		c.Return(nil)
	case methodCancel:
		number, _, err := msgp.ReadUint64Bytes(c.Argument)
		if err != nil {
			c.Fail(errors.Join(errHostedMessage, err))
			return
		}
		a.cancel(number)
		c.Return(nil)
	case methodBegin:
		if err := a.begin(c.Context()); err != nil {
			c.Fail(err)
			return
		}
		c.Return(nil)
	case methodShare:
		a.share(c)
	case methodFeed:
		a.feedShared(c)
	case methodEndFeed:
		if err := a.endShared(c.Argument); err != nil {
			c.Fail(err)
			return
		}
		c.Return(nil)
	case methodEnd:
		a.end()
		c.Return(nil)
	}
}

// settings learns how large a message the client bears, and tells it what it has to know of the pool.
func (a *attachment) settings(argument []byte) ([]byte, error) {
	theirs, _, err := msgp.ReadInt64Bytes(argument)
	if err != nil || theirs <= messageRoom {
		return nil, errors.Join(errHostedMessage, err)
	}
	largest := min(theirs, a.host.MaxMessage())
	a.largest.Store(largest)
	o := a.pool.options
	dst := msgp.AppendArrayHeader(nil, 5)
	dst = msgp.AppendInt64(dst, int64(o.TaskTimeout))
	dst = msgp.AppendInt64(dst, min(o.MaxPayload, largestPayload(largest)))
	dst = msgp.AppendInt64(dst, o.ResultBytes)
	dst = msgp.AppendInt(dst, a.pool.readAhead())
	return msgp.AppendInt64(dst, largest), nil
}

// submit puts tasks into the pool's queue, all or none. It blocks while the queue is full, and while the client does not
// take results.
func (a *attachment) submit(ctx context.Context, message []byte) error {
	s, err := readSubmission(message)
	if err != nil {
		return err
	}
	function := functions.named(s.function)
	if function == nil {
		return errUnknownFunction
	}
	if err := a.valve.await(ctx); err != nil {
		return err
	}
	keeps, err := keepArguments(ctx, a.host, s)
	if err != nil {
		return err
	}
	j, err := a.enter(s, function, keeps)
	if err != nil {
		dropAll(keeps)
		return err
	}
	tasks := make([]task, len(s.tasks))
	for i, t := range s.tasks {
		tasks[i] = task{job: j.job, index: t.index, arg: t.arg}
	}
	if err := a.pool.submit(ctx, tasks); err != nil {
		for _, t := range s.tasks {
			a.leave(j, t.index).drop()
		}
		return err
	}
	a.valve.entered()
	return nil
}

// enter counts tasks that are about to be submitted.
func (a *attachment) enter(s *submission, function *entry, keeps []keep) (*hostedJob, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return nil, context.Canceled
	}
	j := a.jobs[s.job]
	if j == nil {
		j = &hostedJob{attachment: a, number: s.job, job: &job{
			pool: a.pool, ctx: context.Background(), entry: function, timeout: max(0, s.timeout), single: s.mode&modeSingle != 0,
		}}
		j.sink = j
		j.carry(s.trace)
		a.jobs[s.job] = j
	}
	j.pending += len(s.tasks)
	for i, k := range keeps {
		if k.empty() {
			continue
		}
		if j.kept == nil {
			j.kept = map[int]keep{}
		}
		j.kept[s.tasks[i].index] = k
	}
	return j, nil
}

// leave uncounts a task, and returns what its argument has kept alive.
func (a *attachment) leave(j *hostedJob, index int) keep {
	a.mu.Lock()
	defer a.mu.Unlock()
	if j.pending--; j.pending == 0 {
		delete(a.jobs, j.number)
	}
	k := j.kept[index]
	delete(j.kept, index)
	return k
}

// settle takes the outcome of a task. It is called by links.
func (j *hostedJob) settle(index int, o outcome) {
	a := j.attachment
	if o.err != nil || !j.entry.holds {
		a.leave(j, index).drop()
		a.add(j, index, o, false, keep{})
		return
	}
	kept := outcome{kind: o.kind, value: append([]byte(nil), o.value...)}
	a.pool.callback(func() { // taking the proxies over may wait for their managers
		k, err := keepResult(a.host, kept.value)
		if err != nil {
			kept = outcome{kind: Failed, err: err}
		}
		a.leave(j, index).drop()
		a.add(j, index, kept, err == nil, k)
	})
}

// add puts an outcome where the client takes it.
func (a *attachment) add(j *hostedJob, index int, o outcome, holds bool, k keep) {
	if o = fit(j.entry.name, o, a.largest.Load()); o.err != nil {
		k.drop()
		holds, k = false, keep{}
	}
	a.mu.Lock()
	if a.gone {
		a.mu.Unlock()
		k.drop()
		return
	}
	defer a.mu.Unlock()
	before := len(a.outcomes)
	a.outcomes = appendOutcome(a.outcomes, j.number, index, o, holds)
	p := parcel{size: len(a.outcomes) - before}
	if !k.empty() {
		p.kept = &k
	}
	a.waiting = append(a.waiting, p)
	a.valve.add(p.size)
	a.deliverLocked()
}

// take answers with all outcomes that are there, or when there is one.
func (a *attachment) take(c *manager.Request) {
	c.OnCancel(func() { a.giveUp(c) })
	a.dropTaken()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || a.taker != nil || c.Cancelled() {
		c.Fail(context.Canceled)
		return
	}
	a.taker = c
	a.deliverLocked()
}

// dropTaken lets go of what the client has. With that other objects may end, so no lock is held.
func (a *attachment) dropTaken() {
	a.mu.Lock()
	taken := a.taken
	a.taken = nil
	a.mu.Unlock()
	dropAll(taken)
}

func (a *attachment) giveUp(c *manager.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.taker == c {
		a.taker = nil
	}
	c.Fail(context.Canceled)
}

// deliverLocked hands the outcomes to the client's call, if both are there.
func (a *attachment) deliverLocked() {
	if a.taker == nil || len(a.waiting) == 0 || a.taker.Cancelled() {
		return
	}
	count, size := 0, 0
	most := int(min(takeBytes, largestPayload(a.largest.Load())))
	for count < len(a.waiting) && (count == 0 || size+a.waiting[count].size <= most) {
		size += a.waiting[count].size
		if k := a.waiting[count].kept; k != nil {
			a.taken = append(a.taken, *k)
		}
		count++
	}
	message := msgp.AppendArrayHeader(make([]byte, 0, size+16), uint32(1+outcomeFields*count))
	message = msgp.AppendInt(message, a.pool.readAhead())
	a.taker.Return(append(message, a.outcomes[:size]...))
	a.taker = nil
	a.valve.took(size)
	a.waiting, a.outcomes = a.waiting[count:], a.outcomes[size:]
	if len(a.waiting) == 0 {
		a.waiting, a.outcomes = nil, nil
	}
}

// takeBytes bounds the outcomes that travel together, unless one alone is larger.
const takeBytes = 1 << 20

// cancel ends the tasks of a job. Their outcomes come as ever.
func (a *attachment) cancel(number uint64) {
	a.mu.Lock()
	j := a.jobs[number]
	a.mu.Unlock()
	if j != nil {
		j.cancel(errCancelled)
		a.valve.cancelled()
	}
}

func (a *attachment) begin(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return context.Canceled
	}
	if err := a.pool.begin(ctx); err != nil {
		return err
	}
	a.begun++
	return nil
}

func (a *attachment) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun > 0 {
		a.begun--
		a.pool.end()
	}
}

// Destroyed cancels what the client has pending: the client is gone, or has closed its handle.
func (a *attachment) Destroyed() {
	a.mu.Lock()
	a.gone = true
	taker, keeps := a.taker, a.taken
	for _, p := range a.waiting {
		if p.kept != nil {
			keeps = append(keeps, *p.kept)
		}
	}
	jobs, feeds := slices.Collect(maps.Values(a.jobs)), slices.Collect(maps.Values(a.feeds))
	for ; a.begun > 0; a.begun-- {
		a.pool.end()
	}
	a.taker, a.taken, a.waiting, a.outcomes = nil, nil, nil, nil
	a.mu.Unlock()
	if taker != nil {
		taker.Fail(context.Canceled)
	}
	dropAll(keeps)
	for _, s := range feeds {
		s.endFeed(errUnfed)
	}
	a.host.Go(func(context.Context) {
		for _, j := range jobs {
			j.cancel(errCancelled)
		}
		a.valve.end()
	})
}
