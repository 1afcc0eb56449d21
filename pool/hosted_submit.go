package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// submit sends tasks of one job, in as many messages as they need. It blocks while the pool's queue is full. When the
// first message was accepted, and a later one is not, the error is the outcome of the tasks in that.
func (h *hosting) submit(ctx context.Context, tasks []task) error {
	if len(tasks) == 0 {
		return nil
	}
	a, err := h.attach(ctx)
	if err != nil {
		return err
	}
	for first := true; len(tasks) > 0; first = false {
		n := a.fitting(tasks)
		if err := h.submitMessage(ctx, a, tasks[:n]); err != nil {
			if first {
				return err
			}
			for _, t := range tasks {
				t.job.settle(t.index, outcome{kind: Cancelled, err: err})
			}
			return nil
		}
		tasks = tasks[n:]
	}
	return nil
}

// fitting returns how many of the tasks, at least one, fit in one message.
func (a *attached) fitting(tasks []task) int {
	left := largestPayload(a.largest)
	if len(tasks) > 0 {
		left -= int64(len(tasks[0].job.trace()))
	}
	for n, t := range tasks {
		if left -= int64(len(t.arg) + taskRoom); left < 0 {
			return max(1, n)
		}
	}
	return len(tasks)
}

func (h *hosting) submitMessage(ctx context.Context, a *attached, tasks []task) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	abort := func() { cancel() }
	r, err := h.enter(a, tasks, &abort)
	if err != nil {
		return err
	}
	mode := uint8(0)
	if r.single {
		mode = modeSingle
	}
	_, err = a.proxy.Invoke(ctx, methodSubmit, appendSubmission(r.job, r.number, mode, tasks))
	if errors.Is(err, wire.ErrFrameTooLarge) {
		err = fmt.Errorf("%w: %s: %w", ErrTaskTooLarge, r.entry.name, err)
	}
	cause := tasks[0].job.cause()
	if h.leave(r, tasks, &abort, err != nil) {
		for _, t := range tasks { // the manager keeps what is in their arguments
			t.job.release(t.index)
		}
		if cause != nil {
			h.tellCancel(r)
		}
		return nil
	}
	if cause != nil {
		return cause
	}
	return fromHost(err)
}

// enter counts tasks as pending, before their outcomes can come.
func (h *hosting) enter(a *attached, tasks []task, abort *func()) (*remoteJob, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	j := tasks[0].job
	switch {
	case h.lifetime.Err() != nil:
		return nil, context.Cause(h.lifetime)
	case j.cause() != nil:
		return nil, j.cause()
	}
	r := h.jobs[j]
	if r == nil {
		h.last++
		r = &remoteJob{job: j, number: h.last, pending: map[int]struct{}{}, sending: map[*func()]struct{}{}}
		h.jobs[j], h.numbers[r.number] = r, r
	}
	for _, t := range tasks {
		r.pending[t.index] = struct{}{}
	}
	r.sending[abort] = struct{}{}
	if !h.listening {
		h.listening = true
		h.callbacks++
		go h.listen(a)
	}
	return r, nil
}

// number returns a number that no other job of the handle has.
func (h *hosting) number() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	return h.last
}

// leave ends a submission. It reports whether the tasks were submitted, or have got an outcome all the same; otherwise
// they are the caller's again.
func (h *hosting) leave(r *remoteJob, tasks []task, abort *func(), failed bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(r.sending, abort)
	back := 0
	if failed {
		for _, t := range tasks {
			if _, pending := r.pending[t.index]; pending {
				delete(r.pending, t.index)
				back++
			}
		}
	}
	h.forgetLocked(r)
	return back == 0
}

func (h *hosting) forgetLocked(r *remoteJob) {
	if len(r.pending) == 0 && len(r.sending) == 0 {
		delete(h.jobs, r.job)
		delete(h.numbers, r.number)
	}
	if len(h.jobs) == 0 && h.untake != nil { // the last outcomes have come before the answer to their submission
		h.untake()
	}
}

// listen takes outcomes as long as any are to come. It ends with the last of them, or the handle.
func (h *hosting) listen(a *attached) {
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.callbacks--
		h.idle.Broadcast()
	}()
	held := false
	for {
		taking, wanted := h.wanted()
		if !wanted {
			break
		}
		reply, err := a.proxy.Invoke(taking, methodTake, nil)
		idle := h.took(taking)
		if err == nil {
			err, idle = h.deliver(a, reply, &held), false
		}
		if err != nil && !idle {
			h.fail(fromHost(err))
		}
	}
	if held {
		h.tell(methodTaken, nil)
	}
}

// wanted reports whether outcomes are to come, and ends the listening if not. The context is for taking them, and ends
// when none are to come after all.
func (h *hosting) wanted() (taking context.Context, wanted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listening = len(h.jobs) > 0
	if h.listening {
		taking, h.untake = context.WithCancel(h.lifetime)
	}
	return taking, h.listening
}

// took ends what wanted has begun, and reports whether that was ended before because no outcomes were to come.
func (h *hosting) took(taking context.Context) (idle bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	idle = taking.Err() != nil && h.lifetime.Err() == nil
	h.untake()
	h.untake = nil
	return idle
}

// deliver hands outcomes to their jobs. It notes whether there were proxies in them.
func (h *hosting) deliver(a *attached, reply []byte, held *bool) error {
	r := newReader(reply)
	fields := r.Array()
	a.ahead.Store(r.Int64())
	for left := (fields - 1) / outcomeFields; left > 0; left-- {
		number, index, o := r.outcome()
		if err := r.Err(); err != nil {
			return errors.Join(errHostedMessage, err)
		}
		if j := h.settled(number, index); j != nil {
			if cause := j.cause(); cause != nil && o.kind == Cancelled {
				o.err = cause
			}
			if j.entry.holds && o.err == nil {
				found, err := h.adopt(o.value)
				if *held = *held || found; err != nil {
					o = outcome{kind: Failed, err: err}
				}
			}
			j.settle(index, o)
		}
	}
	if err := r.End(); err != nil {
		return errors.Join(errHostedMessage, err)
	}
	return nil
}

// adopt takes references to what is in a result and belongs to other managers, as long as the pool's manager keeps that
// alive: until outcomes are taken again. The references to what is its own have come with the reply.
// It reports whether there are any proxies.
func (h *hosting) adopt(encoded []byte) (found bool, err error) {
	tokens, err := wire.FindTokens(encoded)
	if err != nil || len(tokens) == 0 {
		return false, err
	}
	here := h.proxy.Token().Address
	tokens = slices.DeleteFunc(tokens, func(t wire.Token) bool { return t.Address == here || t.ID == 0 })
	if len(tokens) == 0 {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(h.lifetime, adoptTime)
	defer cancel()
	if err := wire.Adopt(ctx, tokens); err != nil {
		return true, fmt.Errorf("pool: cannot take over the proxies in the result: %w", err)
	}
	return true, nil
}

// adoptTime bounds how long another manager may delay the taking of outcomes.
const adoptTime = 10 * time.Second

// settled returns the job of a task that has ended, nil when it was none of ours any more.
func (h *hosting) settled(number uint64, index int) *job {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.numbers[number]
	if r == nil {
		return nil
	}
	if _, pending := r.pending[index]; !pending {
		return nil
	}
	delete(r.pending, index)
	h.forgetLocked(r)
	return r.job
}

// fail ends all that is pending: no outcomes will come.
func (h *hosting) fail(err error) {
	if cause := context.Cause(h.lifetime); cause != nil {
		err = cause
	}
	h.mu.Lock()
	h.room.Broadcast()
	var dropped []task
	for _, r := range h.jobs {
		for index := range r.pending {
			dropped = append(dropped, task{job: r.job, index: index})
		}
		clear(r.pending)
		h.forgetLocked(r)
	}
	h.mu.Unlock()
	for _, t := range dropped {
		t.job.settle(t.index, outcome{kind: Abandoned, err: err})
	}
}

// The tasks of Iterators are gathered while an earlier submission is on its way.
const (
	streamTasks = 512
	streamBytes = 256 << 10
)

// submitOne sends one task: at once, if it is its job's only one.
func (h *hosting) submitOne(ctx context.Context, t task) error {
	if t.job.single {
		return h.submit(ctx, []task{t})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.lifetime.Err() == nil && t.job.cause() == nil && (len(h.stream) >= streamTasks || h.streamSize > streamBytes) {
		h.room.Wait()
	}
	h.stream = append(h.stream, t)
	h.streamSize += len(t.arg)
	if !h.streaming {
		h.streaming = true
		h.callbacks++
		go h.flow()
	}
	return nil
}

// flow submits what has gathered, until nothing is left.
func (h *hosting) flow() {
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.callbacks--
		h.idle.Broadcast()
	}()
	for {
		tasks := h.gathered()
		if len(tasks) == 0 {
			return
		}
		for start := 0; start < len(tasks); {
			j, end := tasks[start].job, start+1
			for end < len(tasks) && tasks[end].job == j {
				end++
			}
			batch := tasks[start:end]
			if err := h.submit(j.ctx, batch); err != nil {
				for _, t := range batch {
					j.settle(t.index, outcome{kind: Cancelled, err: err})
				}
			}
			start = end
		}
	}
}

func (h *hosting) gathered() []task {
	h.mu.Lock()
	defer h.mu.Unlock()
	tasks := h.stream
	h.stream, h.streamSize = nil, 0
	h.streaming = len(tasks) > 0
	h.room.Broadcast()
	return tasks
}
