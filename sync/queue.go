package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/multiproc-go/multiproc/manager"
)

const (
	typeQueue         = "Queue"
	typeJoinableQueue = "JoinableQueue"
)

// A Queue hands items from any process to any other, first in, first out, each item to one who gets it.
//
// An item that was handed out is the queue's until the process that gets it says that it has arrived: with the next call of
// any shared object in that manager, the next Get say, or when its session is closed, as at the program's end by spawn.Main.
// If that process dies before, the item goes back to the head and is handed to somebody else, with Item.Redelivered set:
// also after the queue was closed, if somebody asks then. (It may be in the queue on top of its capacity.) So what a
// process that works on one item at a time has in hand when it is killed is not lost. One that works on several, or calls
// shared objects meanwhile, uses a JoinableQueue, where an item is the queue's until TaskDone.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on. Close
// ends the queue for everybody; Proxy.Close lets go of this reference to it.
type Queue[T any] struct {
	manager.Proxy
	core queueCore[T]
}

// An Item is what GetItem and TryGetItem get.
type Item[T any] struct {
	Value T
	// Redelivered says that the item was handed to another process before, which died while it had it: what that
	// process did with it is unknown.
	Redelivered bool
	// Deliveries is how often the item was handed out, this time included.
	Deliveries int

	number uint64
}

// NewQueue makes a Queue with room for so many items, or for any number if capacity is 0, in a manager, or with [Named]
// finds it. It blocks until the manager has answered or ctx ends. The error wraps wire.ErrUnsupportedType if values of
// the type cannot travel.
func NewQueue[T any](ctx context.Context, m *manager.Manager, capacity int, options ...Option) (*Queue[T], error) {
	p, core, err := newQueue[T](ctx, m, typeQueue, capacity, options)
	if err != nil {
		return nil, err
	}
	return &Queue[T]{*p, core}, nil
}

// Put adds a value at the end. It blocks until those who came before have put theirs and there is room, or ctx ends; a
// value that won the race against the end of ctx is put, and the error is nil. It may wrap ErrClosed.
func (q *Queue[T]) Put(ctx context.Context, value T) error {
	_, err := q.core.put(ctx, &q.Proxy, "Put", value)
	return failed(typeQueue, "Put", err)
}

// TryPut adds a value if there is room, and reports whether it did. It blocks for the manager's answer alone.
func (q *Queue[T]) TryPut(ctx context.Context, value T) (bool, error) {
	done, err := q.core.put(ctx, &q.Proxy, "TryPut", value)
	return done, failed(typeQueue, "TryPut", err)
}

// Get takes the first value. It blocks until those who came before have had theirs and there is one, or ctx ends; a value
// that won the race against the end of ctx is returned with a nil error. The error wraps ErrClosed when the queue is closed
// and empty. Get does not wait for what others were handed and may still bring back by dying: whoever asks later gets that.
func (q *Queue[T]) Get(ctx context.Context) (T, error) {
	item, err := q.get(ctx, "Get")
	return item.Value, failed(typeQueue, "Get", err)
}

// GetItem is Get, and tells also whether the value was handed out before.
func (q *Queue[T]) GetItem(ctx context.Context) (Item[T], error) {
	item, err := q.get(ctx, "Get")
	return item, failed(typeQueue, "GetItem", err)
}

// TryGet takes the first value if there is one, and reports whether it did. It blocks for the manager's answer alone.
func (q *Queue[T]) TryGet(ctx context.Context) (value T, ok bool, err error) {
	item, err := q.get(ctx, "TryGet")
	return item.Value, item.number != 0, failed(typeQueue, "TryGet", err)
}

// TryGetItem is TryGet, and tells also whether the value was handed out before.
func (q *Queue[T]) TryGetItem(ctx context.Context) (item Item[T], ok bool, err error) {
	item, err = q.get(ctx, "TryGet")
	return item, item.number != 0, failed(typeQueue, "TryGetItem", err)
}

// All returns a sequence that gets values until the queue is closed and empty. It blocks as Get does; where Get fails
// otherwise, it yields the error, and ends.
func (q *Queue[T]) All(ctx context.Context) iter.Seq2[T, error] { return all(ctx, q.Get) }

// Len returns how many items are in the queue. It may be out of date when it returns.
func (q *Queue[T]) Len(ctx context.Context) (int, error) {
	look, err := lookAtQueue(ctx, &q.Proxy)
	return look.length, failed(typeQueue, "Len", err)
}

// Cap returns how many items there is room for, or 0 if there is no limit.
func (q *Queue[T]) Cap(ctx context.Context) (int, error) {
	look, err := lookAtQueue(ctx, &q.Proxy)
	return look.capacity, failed(typeQueue, "Cap", err)
}

// Close ends the queue, for everybody: nothing more can be put, and who waits to put gets ErrClosed; what is in it can
// still be got. It blocks for the manager's answer alone, and may be called again.
func (q *Queue[T]) Close(ctx context.Context) error {
	return failed(typeQueue, "Close", tell(ctx, &q.Proxy, "Close", nil))
}

// Clone returns another reference to the same queue. It does not block.
func (q *Queue[T]) Clone() (*Queue[T], error) {
	p, err := q.Proxy.Clone()
	if err != nil {
		return nil, failed(typeQueue, "Clone", err)
	}
	return &Queue[T]{*p, q.core}, nil
}

// MarshalMsg and UnmarshalMsg pass the queue on to other processes, as part of any value.
func (q *Queue[T]) MarshalMsg(dst []byte) ([]byte, error) { return q.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the queue over: see MarshalMsg.
func (q *Queue[T]) UnmarshalMsg(src []byte) ([]byte, error) {
	return q.core.adopt(&q.Proxy, typeQueue, src)
}

// get gets an item. That it has arrived is said with the next message to the manager, or when the session is closed.
func (q *Queue[T]) get(ctx context.Context, method string) (Item[T], error) {
	item, err := q.core.get(ctx, &q.Proxy, method)
	if err == nil && item.number != 0 {
		// Where this fails the session is lost, and the item may come back, with its mark. We have it in any case.
		_ = q.Proxy.Tell("Arrived", message(nil).uint(item.number))
	}
	return item, err
}

// A queueCore is what the two kinds of queue have in common.
type queueCore[T any] struct{ element element[T] }

func newQueueCore[T any]() (queueCore[T], error) {
	e, err := elementOf[T]()
	return queueCore[T]{e}, err
}

func newQueue[T any](
	ctx context.Context, m *manager.Manager, name string, capacity int, options []Option,
) (*manager.Proxy, queueCore[T], error) {
	core, err := newQueueCore[T]()
	if err == nil && capacity < 0 {
		err = fmt.Errorf("a capacity of %d: it must be 0, for no limit, or more", capacity)
	}
	if err != nil {
		return nil, core, notMade(name, err)
	}
	p, err := create(ctx, m, name, message(nil).int(capacity).string(typeName[T]()), options)
	return p, core, err
}

func (q *queueCore[T]) put(ctx context.Context, p *manager.Proxy, method string, value T) (bool, error) {
	argument, err := q.element.encode(nil, value)
	if err != nil {
		return false, err
	}
	return askBool(ctx, p, method, argument)
}

// get returns the item, or one with the number 0 if a TryGet found none.
func (q *queueCore[T]) get(ctx context.Context, p *manager.Proxy, method string) (Item[T], error) {
	return ask(ctx, p, method, nil, func(r *reader) (item Item[T]) {
		if r.Bool() {
			item.number, item.Deliveries = r.Uint(), r.Int()
			item.Value = q.element.decode(r)
			item.Redelivered = item.Deliveries > 1
		}
		return item
	})
}

func (q *queueCore[T]) adopt(p *manager.Proxy, name string, src []byte) ([]byte, error) {
	core, err := newQueueCore[T]()
	if err != nil {
		return src, failed(name, "UnmarshalMsg", err)
	}
	*q = core
	return adopt(p, name, src)
}

type queueLook struct{ length, capacity, unfinished int }

func lookAtQueue(ctx context.Context, p *manager.Proxy) (queueLook, error) {
	return ask(ctx, p, "Look", nil, func(r *reader) queueLook { return queueLook{r.Int(), r.Int(), r.Int()} })
}

// all yields what get returns until the queue is closed.
func all[T any](ctx context.Context, get func(context.Context) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			value, err := get(ctx)
			if errors.Is(err, ErrClosed) || !yield(value, err) || err != nil {
				return
			}
		}
	}
}
