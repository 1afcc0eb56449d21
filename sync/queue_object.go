package sync

import (
	"fmt"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// queueObject is a Queue or JoinableQueue in the manager.
type queueObject struct {
	host keeper

	mu    stdsync.Mutex // guards queue
	queue *state.Queue
}

func init() {
	queueTable.register(typeQueue, queueMaker(false))
	queueTable.register(typeJoinableQueue, queueMaker(true))
}

// queueMaker makes queues of an argument that is the capacity and the type of the items.
func queueMaker(joinable bool) maker {
	return func(r *reader, h keeper) (manager.Object, error) {
		capacity, _ := r.Int(), r.Text()
		err := r.End()
		if err == nil && capacity < 0 {
			err = fmt.Errorf("a queue with room for %d items", capacity)
		}
		return &queueObject{host: h, queue: state.NewQueue(capacity, joinable)}, err
	}
}

var queueTable = methods[*queueObject]{
	"Put":     (*queueObject).put,
	"TryPut":  (*queueObject).tryPut,
	"Get":     (*queueObject).get,
	"TryGet":  (*queueObject).tryGet,
	"Arrived": (*queueObject).arrived,
	"Done":    (*queueObject).done,
	"Join":    (*queueObject).join,
	"Close":   (*queueObject).close,
	"Look":    (*queueObject).look,
}

// Call implements manager.Object.
func (o *queueObject) Call(c *manager.Request) { queueTable.call(o, c) }

// SessionEnded implements manager.SessionWatcher.
func (o *queueObject) SessionEnded(s *manager.Session) {
	o.operate(func(q *state.Queue) { q.EndSession(s) })
}

// Inspect implements manager.Inspector.
func (o *queueObject) Inspect() manager.Inspection {
	o.mu.Lock()
	defer o.mu.Unlock()
	holders := sessionsOf(o.queue.Holders())
	i := manager.Inspection{
		Summary: fmt.Sprintf("%d items", o.queue.Len()),
		Holders: holders,
		Waiters: sessionsOf(o.queue.Waiters()),
	}
	if len(holders) > 0 {
		i.Summary += fmt.Sprintf(", %d handed out", len(holders))
	}
	if o.queue.Closed() {
		i.Summary += ", closed"
	}
	return i
}

// operate does something to the queue, and answers whom that concerns. Items are handed over before anybody else can have
// the queue drop what it keeps for them.
func (o *queueObject) operate(do func(q *state.Queue)) {
	o.mu.Lock()
	do(o.queue)
	for _, w := range o.queue.Answered() {
		answer(w.Call.(call), replyToQueueWait(w), w.Err)
	}
	answerWaits(o.queue.Joined())
	dropped := o.queue.Dropped()
	o.mu.Unlock()
	for _, item := range dropped {
		o.host.Drop(item.Value)
	}
}

func replyToQueueWait(w *state.QueueWait) message {
	switch {
	case w.Err != nil:
		return nil
	case w.Puts:
		return message(nil).bool(true)
	}
	return message(nil).bool(true).uint(w.Item.Number).int(w.Item.Deliveries).value(w.Item.Value)
}

func (o *queueObject) put(c call, r *reader) {
	w := o.newPut(c, r)
	if w == nil {
		return
	}
	o.operate(func(q *state.Queue) { q.Put(w) })
	o.cancelWith(c, w)
}

func (o *queueObject) tryPut(c call, r *reader) {
	w := o.newPut(c, r)
	if w == nil {
		return
	}
	full := false
	o.operate(func(q *state.Queue) { full = !q.TryPut(w) })
	if full {
		o.host.Drop(w.Item.Value)
		c.Return(message(nil).bool(false))
	}
}

// newPut reads the argument of a put, and keeps what is in it; or it answers the call, and returns nil.
func (o *queueObject) newPut(c call, r *reader) *state.QueueWait {
	item := &state.Item{Value: r.Value()}
	err := r.End()
	if err == nil {
		err = o.host.Keep(item.Value)
	}
	if err != nil {
		c.Fail(err)
		return nil
	}
	return &state.QueueWait{Session: c.session, Call: c, Puts: true, Item: item}
}

func (o *queueObject) get(c call, r *reader) {
	w := o.newGet(c, r)
	if w == nil {
		return
	}
	o.operate(func(q *state.Queue) { q.Get(w) })
	o.cancelWith(c, w)
}

func (o *queueObject) tryGet(c call, r *reader) {
	w := o.newGet(c, r)
	if w == nil {
		return
	}
	empty := false
	o.operate(func(q *state.Queue) { empty = !q.TryGet(w) })
	if empty {
		c.Return(message(nil).bool(false))
	}
}

// newGet begins a get; or it answers the call, and returns nil.
func (o *queueObject) newGet(c call, r *reader) *state.QueueWait {
	if err := r.End(); err != nil {
		c.Fail(err)
		return nil
	}
	return &state.QueueWait{Session: c.session, Call: c}
}

func (o *queueObject) arrived(c call, r *reader) {
	number := r.Uint()
	err := r.End()
	if err == nil {
		o.operate(func(q *state.Queue) { q.Arrived(c.session, number) })
	}
	answer(c, nothing, err)
}

func (o *queueObject) cancelWith(c call, w *state.QueueWait) {
	c.OnCancel(func() { o.operate(func(q *state.Queue) { q.Cancel(w) }) })
}

func (o *queueObject) done(c call, r *reader) {
	number := r.Uint()
	err := r.End()
	if err == nil {
		o.operate(func(q *state.Queue) { err = q.Done(c.session, number) })
	}
	answer(c, nothing, err)
}

func (o *queueObject) join(c call, r *reader) {
	if err := r.End(); err != nil {
		c.Fail(err)
		return
	}
	w := &state.Wait{Session: c.session, Call: c}
	o.operate(func(q *state.Queue) { q.Join(w) })
	c.OnCancel(func() { o.operate(func(q *state.Queue) { q.CancelJoin(w) }) })
}

func (o *queueObject) close(c call, r *reader) {
	err := r.End()
	if err == nil {
		o.operate((*state.Queue).Close)
	}
	answer(c, nothing, err)
}

func (o *queueObject) look(c call, r *reader) {
	o.mu.Lock()
	result := message(nil).int(o.queue.Len()).int(o.queue.Capacity()).int(o.queue.Unfinished())
	o.mu.Unlock()
	answer(c, result, r.End())
}
