package state

import "slices"

// Answered returns the puts and gets that were answered since the last time, in the order of their answers.
func (q *Queue) Answered() []*QueueWait { return take(&q.answered) }

// Joined returns the waits of Join that were answered since the last time.
func (q *Queue) Joined() []*Wait { return q.joiners.Answered() }

// Dropped returns the items that the queue has let go of since the last time: they have arrived, are done, or were never
// put.
func (q *Queue) Dropped() []*Item { return take(&q.dropped) }

// Len returns how many items are in the queue, without those that were handed out.
func (q *Queue) Len() int { return q.items.length }

// Capacity returns how many items may be in the queue, or 0 if there is no limit.
func (q *Queue) Capacity() int { return q.capacity }

// Unfinished returns how many items of a joinable queue are not done.
func (q *Queue) Unfinished() int { return q.unfinished }

// Closed reports whether the queue was closed.
func (q *Queue) Closed() bool { return q.closed }

// Holders returns the session of each item that was handed out and is kept.
func (q *Queue) Holders() []Session { return q.out.inOrder() }

// Waiters returns the sessions that wait: to get, to put, or for the queue to be done.
func (q *Queue) Waiters() []Session {
	return slices.Concat(q.getters.inOrder(), q.putters.inOrder(), q.joiners.Waiters())
}
