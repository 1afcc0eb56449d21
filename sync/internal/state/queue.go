package state

import (
	"cmp"
	"slices"
)

// A Queue hands each item to one session, the first put first. An item that was handed out is kept until the session
// says that it has arrived, or in a joinable queue, that it is done: the items of a session that ends before are handed
// out again, in front of all that were put later, and marked.
type Queue struct {
	capacity int // 0 is no limit
	joinable bool

	items      list[*Item]             // by number
	out        roll[Session, *Item]    // handed out and kept, in the order of the handing out
	kept       map[uint64]*outstanding // those, by number
	getters    roll[Session, *QueueWait]
	putters    roll[Session, *QueueWait]
	joiners    waitQueue
	unfinished int // of a joinable queue: put and not done
	numbers    uint64
	closed     bool
	answered   []*QueueWait
	dropped    []*Item
}

// An Item is one value in a queue.
type Item struct {
	Value      []byte
	Number     uint64 // of its place among all that were put
	Deliveries int    // how often it was handed out
}

// outstanding is the place of an item that was handed out.
type outstanding = entry[Session, *Item]

// A QueueWait is a call that puts an item or gets one.
type QueueWait struct {
	Session Session
	Call    any   // the caller's own; never looked at here
	Puts    bool  // also the caller's
	Item    *Item // to put; or got, which is the answer

	Err error // the answer

	place *entry[Session, *QueueWait]
}

// NewQueue returns a queue for so many items, or any number if capacity is 0.
func NewQueue(capacity int, joinable bool) *Queue {
	return &Queue{capacity: capacity, joinable: joinable, kept: map[uint64]*outstanding{}}
}

// Put adds w.Item when there is room. The error is ErrClosed.
func (q *Queue) Put(w *QueueWait) {
	if !q.TryPut(w) {
		w.place = q.putters.add(w.Session, w)
	}
}

// TryPut is Put, if that takes no wait, and reports whether it was; if it was not, w.Item is still the caller's.
func (q *Queue) TryPut(w *QueueWait) bool {
	switch {
	case q.closed:
		q.refuse(w, ErrClosed)
	case q.full():
		return false
	default:
		q.accept(w)
		q.hand()
	}
	return true
}

// Get takes the first item into w.Item when it is w's turn. The error is ErrClosed when the queue is closed and empty; in
// a joinable one, when moreover no item is out that may come back, but for the session's own.
func (q *Queue) Get(w *QueueWait) {
	if !q.TryGet(w) {
		w.place = q.getters.add(w.Session, w)
	}
}

// TryGet is Get, if that takes no wait, and reports whether it was.
func (q *Queue) TryGet(w *QueueWait) bool {
	if q.items.length == 0 {
		if !q.exhausted(w.Session) {
			return false
		}
		q.answer(w, ErrClosed)
		return true
	}
	q.deliver(w)
	q.refill()
	return true
}

// Arrived says that the session has received an item, which is its own from then on. It does nothing in a joinable
// queue, where Done does that, nor for an item that the session has not been handed.
func (q *Queue) Arrived(s Session, number uint64) {
	if e := q.heldBy(s, number); e != nil && !q.joinable {
		q.forget(e)
	}
}

// Done says that one item of a joinable queue needs nothing more. With a number it is the session's item of that number,
// without one (0) the oldest that the session has, or where it has none, the oldest that anybody has. The error is
// ErrTooManyDone.
func (q *Queue) Done(s Session, number uint64) error {
	e := q.heldBy(s, number)
	if e == nil && number == 0 {
		e = q.out.first
	}
	if !q.joinable || e == nil {
		return ErrTooManyDone
	}
	q.forget(e)
	if q.unfinished--; q.unfinished == 0 {
		q.joiners.answerAll(nil)
	}
	return nil
}

// Join is answered when every item that was put is done.
func (q *Queue) Join(w *Wait) {
	if q.unfinished == 0 {
		q.joiners.answer(w, nil)
		return
	}
	w.enqueue(&q.joiners.waiting)
}

// Close ends the queue: nothing more is put, and who waits to put is answered with ErrClosed. What is in it can still be
// got.
func (q *Queue) Close() {
	q.closed = true
	for w := range q.putters.drain() {
		q.refuse(w, ErrClosed)
	}
	q.dismiss()
}

// Cancel answers w with context.Canceled, unless it was answered before.
func (q *Queue) Cancel(w *QueueWait) {
	if w.place.removeFrom(&q.getters) {
		q.answer(w, errCanceled)
	}
	if w.place.removeFrom(&q.putters) {
		q.refuse(w, errCanceled)
	}
}

// CancelJoin is Cancel for a wait of Join.
func (q *Queue) CancelJoin(w *Wait) { q.joiners.Cancel(w) }

// EndSession forgets what the session waits for, and puts back what it has.
func (q *Queue) EndSession(s Session) {
	q.getters.removeOf(s)
	for _, w := range q.putters.removeOf(s) {
		q.dropped = append(q.dropped, w.Item)
	}
	q.joiners.forget(s)
	q.putBack(q.out.removeOf(s))
	q.hand()
	q.dismiss()
}

// putBack puts items where they were in the queue.
func (q *Queue) putBack(items []*Item) {
	slices.SortFunc(items, func(a, b *Item) int { return cmp.Compare(a.Number, b.Number) })
	next := q.items.first // nothing in front of it is behind the item to be put back
	for _, item := range items {
		delete(q.kept, item.Number)
		for next != nil && next.value.Number < item.Number {
			next = next.next
		}
		after := q.items.last
		if next != nil {
			after = next.previous
		}
		q.items.insert(item, after)
	}
}

// hand gives items to those who wait for them.
func (q *Queue) hand() {
	for q.items.length > 0 && q.getters.length > 0 {
		w, _ := q.getters.pop()
		q.deliver(w)
		q.refill()
	}
}

// deliver answers w with the first item.
func (q *Queue) deliver(w *QueueWait) {
	item, _ := q.items.pop()
	item.Deliveries++
	q.kept[item.Number] = q.out.add(w.Session, item)
	w.Item = item
	q.answer(w, nil)
}

// refill accepts what waits to be put, as far as there is room.
func (q *Queue) refill() {
	for q.putters.length > 0 && !q.full() {
		w, _ := q.putters.pop()
		q.accept(w)
	}
}

func (q *Queue) accept(w *QueueWait) {
	q.numbers++
	w.Item.Number = q.numbers
	q.items.pushBack(w.Item)
	if q.joinable {
		q.unfinished++
	}
	q.answer(w, nil)
}

// forget drops an item that is out.
func (q *Queue) forget(e *outstanding) {
	e.removeFrom(&q.out)
	delete(q.kept, e.value.Number)
	q.dropped = append(q.dropped, e.value)
	q.dismiss()
}

// dismiss answers those who wait for items that cannot come.
func (q *Queue) dismiss() {
	switch {
	case !q.closed || q.items.length > 0:
	case !q.joinable || q.out.length == 0:
		for w := range q.getters.drain() {
			q.answer(w, ErrClosed)
		}
	default:
		if last := q.out.first.owner; q.exhausted(last) {
			for _, w := range q.getters.removeOf(last) {
				q.answer(w, ErrClosed)
			}
		}
	}
}

// exhausted reports whether a get of the session is not to wait any longer. In a joinable queue, what others have may yet
// come back. In any other it hardly ever does: it is for whoever asks then.
func (q *Queue) exhausted(s Session) bool {
	return q.closed && q.items.length == 0 && (!q.joinable || q.out.countOf(s) == q.out.length)
}

// heldBy finds an item that the session has: that of the number, or the oldest for 0.
func (q *Queue) heldBy(s Session, number uint64) *outstanding {
	if number == 0 {
		return q.out.oldestOf(s)
	}
	if e := q.kept[number]; e != nil && e.owner == s {
		return e
	}
	return nil
}

func (q *Queue) full() bool { return q.capacity > 0 && q.items.length >= q.capacity }

// refuse answers a put that is not carried out.
func (q *Queue) refuse(w *QueueWait, err error) {
	q.dropped = append(q.dropped, w.Item)
	q.answer(w, err)
}

func (q *Queue) answer(w *QueueWait, err error) {
	w.Err = err
	q.answered = append(q.answered, w)
}
