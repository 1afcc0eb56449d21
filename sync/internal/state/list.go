package state

import "context"

// errCanceled answers a wait that was cancelled.
var errCanceled = context.Canceled

// A list is a doubly linked list whose elements know where they are, so that one is removed from the middle at once.
// The zero value is empty.
type list[T any] struct {
	first, last *element[T]
	length      int
}

// An element is one place in a list, or in none.
type element[T any] struct {
	value          T
	list           *list[T]
	previous, next *element[T]
}

func (l *list[T]) pushBack(v T) *element[T] { return l.insert(v, l.last) }

// insert puts v behind an element, or in front where that is nil.
func (l *list[T]) insert(v T, after *element[T]) *element[T] {
	e := &element[T]{value: v, list: l, previous: after}
	if after == nil {
		e.next, l.first = l.first, e
	} else {
		e.next, after.next = after.next, e
	}
	if e.next == nil {
		l.last = e
	} else {
		e.next.previous = e
	}
	l.length++
	return e
}

// removeFrom takes e out of l and reports whether it was there. e may be nil.
func (e *element[T]) removeFrom(l *list[T]) bool {
	if e == nil || e.list != l {
		return false
	}
	if e.previous == nil {
		l.first = e.next
	} else {
		e.previous.next = e.next
	}
	if e.next == nil {
		l.last = e.previous
	} else {
		e.next.previous = e.previous
	}
	e.list, e.previous, e.next = nil, nil, nil
	l.length--
	return true
}

// pop takes the first value out.
func (l *list[T]) pop() (value T, ok bool) {
	e := l.first
	if e == nil {
		return value, false
	}
	e.removeFrom(l)
	return e.value, true
}
