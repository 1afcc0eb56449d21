package pool

// deque is a double-ended queue in a ring that grows. Its zero value is empty.
type deque[T any] struct {
	ring  []T
	head  int
	count int
}

func (q *deque[T]) len() int { return q.count }

// at returns the i-th element from the front.
func (q *deque[T]) at(i int) *T { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *deque[T]) pushBack(v T) {
	q.grow()
	q.count++
	*q.at(q.count - 1) = v
}

func (q *deque[T]) pushFront(v T) {
	q.grow()
	q.head = (q.head - 1) & (len(q.ring) - 1)
	q.count++
	*q.at(0) = v
}

func (q *deque[T]) popFront() T {
	var zero T
	v := *q.at(0)
	*q.at(0) = zero
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.count--
	if q.count == 0 && len(q.ring) > shrinkAbove {
		*q = deque[T]{}
	}
	return v
}

// shrinkAbove is the capacity above which an emptied deque gives its memory back.
const shrinkAbove = 1 << 12

func (q *deque[T]) grow() {
	if q.count < len(q.ring) {
		return
	}
	grown := make([]T, max(16, 2*len(q.ring)))
	for i := range q.count {
		grown[i] = *q.at(i)
	}
	q.ring, q.head = grown, 0
}

// remove takes out the elements for which drop is true, and keeps the order of the others.
func (q *deque[T]) remove(drop func(T) bool) {
	var zero T
	kept := 0
	for i := range q.count {
		v := *q.at(i)
		if drop(v) {
			continue
		}
		*q.at(kept) = v
		kept++
	}
	for i := kept; i < q.count; i++ {
		*q.at(i) = zero
	}
	q.count = kept
}
