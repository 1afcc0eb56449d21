package sync

import (
	"context"
	"iter"

	"github.com/multiproc-go/multiproc/manager"
)

// A JoinableQueue is a [Queue] whose items have to be done: each one that was got needs a TaskDone, and Join waits until
// all have had it. The items that a process has got and not done go back to the head when it dies, and are handed to
// others with Item.Redelivered set: so Join never waits for the dead, and what they were doing is done again.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on. Close
// ends the queue for everybody; Proxy.Close lets go of this reference to it.
type JoinableQueue[T any] struct {
	manager.Proxy
	core queueCore[T]
}

// NewJoinableQueue is NewQueue for a JoinableQueue.
func NewJoinableQueue[T any](ctx context.Context, m *manager.Manager, capacity int, options ...Option) (*JoinableQueue[T], error) {
	p, core, err := newQueue[T](ctx, m, typeJoinableQueue, capacity, options)
	if err != nil {
		return nil, err
	}
	return &JoinableQueue[T]{*p, core}, nil
}

// Put adds a value at the end. It blocks until those who came before have put theirs and there is room, or ctx ends; a
// value that won the race against the end of ctx is put, and the error is nil. It may wrap ErrClosed.
func (q *JoinableQueue[T]) Put(ctx context.Context, value T) error {
	_, err := q.core.put(ctx, &q.Proxy, "Put", value)
	return failed(typeJoinableQueue, "Put", err)
}

// TryPut adds a value if there is room, and reports whether it did. It blocks for the manager's answer alone.
func (q *JoinableQueue[T]) TryPut(ctx context.Context, value T) (bool, error) {
	done, err := q.core.put(ctx, &q.Proxy, "TryPut", value)
	return done, failed(typeJoinableQueue, "TryPut", err)
}

// Get takes the first value. It blocks until those who came before have had theirs and there is one, or ctx ends; a value
// that won the race against the end of ctx is returned with a nil error. The error wraps ErrClosed when the queue was
// closed and no value can come any more: as long as other processes have values that are not done, these may come back.
func (q *JoinableQueue[T]) Get(ctx context.Context) (T, error) {
	item, err := q.core.get(ctx, &q.Proxy, "Get")
	return item.Value, failed(typeJoinableQueue, "Get", err)
}

// GetItem is Get, and tells also whether the value was handed out before.
func (q *JoinableQueue[T]) GetItem(ctx context.Context) (Item[T], error) {
	item, err := q.core.get(ctx, &q.Proxy, "Get")
	return item, failed(typeJoinableQueue, "GetItem", err)
}

// TryGet takes the first value if there is one, and reports whether it did. It blocks for the manager's answer alone.
func (q *JoinableQueue[T]) TryGet(ctx context.Context) (value T, ok bool, err error) {
	item, err := q.core.get(ctx, &q.Proxy, "TryGet")
	return item.Value, item.number != 0, failed(typeJoinableQueue, "TryGet", err)
}

// TryGetItem is TryGet, for ItemDone, and tells also whether the value was handed out before.
func (q *JoinableQueue[T]) TryGetItem(ctx context.Context) (item Item[T], ok bool, err error) {
	item, err = q.core.get(ctx, &q.Proxy, "TryGet")
	return item, item.number != 0, failed(typeJoinableQueue, "TryGetItem", err)
}

// All returns a sequence that gets values until the queue is closed and nothing can come any more. Each needs its TaskDone.
// It blocks as Get does; where Get fails otherwise, it yields the error, and ends.
func (q *JoinableQueue[T]) All(ctx context.Context) iter.Seq2[T, error] { return all(ctx, q.Get) }

// TaskDone says that a value that was got needs nothing more: the one that this process has had longest, or if it has
// none, the one that any process has had longest. The error wraps ErrTooManyDone if none is handed out. (CPython counts,
// and would accept it for a value that nobody has got yet.) It blocks for the manager's answer alone.
func (q *JoinableQueue[T]) TaskDone(ctx context.Context) error {
	return failed(typeJoinableQueue, "TaskDone", tell(ctx, &q.Proxy, "Done", message(nil).uint(0)))
}

// ItemDone is TaskDone for one particular item, which this process must have got by GetItem or TryGetItem: for processes that work on
// several at once.
func (q *JoinableQueue[T]) ItemDone(ctx context.Context, item Item[T]) error {
	if item.number == 0 {
		return failed(typeJoinableQueue, "ItemDone", ErrTooManyDone)
	}
	return failed(typeJoinableQueue, "ItemDone", tell(ctx, &q.Proxy, "Done", message(nil).uint(item.number)))
}

// Join blocks until everything that was put is done, or ctx ends.
func (q *JoinableQueue[T]) Join(ctx context.Context) error {
	return failed(typeJoinableQueue, "Join", tell(ctx, &q.Proxy, "Join", nil))
}

// Unfinished returns how many values were put and are not done. It may be out of date when it returns.
func (q *JoinableQueue[T]) Unfinished(ctx context.Context) (int, error) {
	look, err := lookAtQueue(ctx, &q.Proxy)
	return look.unfinished, failed(typeJoinableQueue, "Unfinished", err)
}

// Len returns how many items are in the queue, without those that were got. It may be out of date when it returns.
func (q *JoinableQueue[T]) Len(ctx context.Context) (int, error) {
	look, err := lookAtQueue(ctx, &q.Proxy)
	return look.length, failed(typeJoinableQueue, "Len", err)
}

// Cap returns how many items there is room for, or 0 if there is no limit.
func (q *JoinableQueue[T]) Cap(ctx context.Context) (int, error) {
	look, err := lookAtQueue(ctx, &q.Proxy)
	return look.capacity, failed(typeJoinableQueue, "Cap", err)
}

// Close ends the queue, for everybody: nothing more can be put, and who waits to put gets ErrClosed; what is in it can
// still be got. It blocks for the manager's answer alone, and may be called again.
func (q *JoinableQueue[T]) Close(ctx context.Context) error {
	return failed(typeJoinableQueue, "Close", tell(ctx, &q.Proxy, "Close", nil))
}

// Clone returns another reference to the same queue. It does not block.
func (q *JoinableQueue[T]) Clone() (*JoinableQueue[T], error) {
	p, err := q.Proxy.Clone()
	if err != nil {
		return nil, failed(typeJoinableQueue, "Clone", err)
	}
	return &JoinableQueue[T]{*p, q.core}, nil
}

// MarshalMsg and UnmarshalMsg pass the queue on to other processes, as part of any value.
func (q *JoinableQueue[T]) MarshalMsg(dst []byte) ([]byte, error) { return q.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the queue over: see MarshalMsg.
func (q *JoinableQueue[T]) UnmarshalMsg(src []byte) ([]byte, error) {
	return q.core.adopt(&q.Proxy, typeJoinableQueue, src)
}
