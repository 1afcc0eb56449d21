package state

import "iter"

// A roll is entries in order, each of which belongs to somebody: what one owner has is found without a look at what
// others have. The zero value is empty.
type roll[O comparable, T any] struct {
	chain[O, T]
	owners map[O]*chain[O, T] // none of them is empty
}

// An entry is one place in a roll, or in none.
type entry[O comparable, T any] struct {
	value T
	owner O
	roll  *roll[O, T]
	links [2]link[O, T]
}

// A link is an entry's place in a chain.
type link[O comparable, T any] struct{ previous, next *entry[O, T] }

// The chains that an entry is in, by the numbers of its links.
const (
	ofAll = iota
	ofOwner
)

// A chain is entries that are linked, in the order in which they came.
type chain[O comparable, T any] struct {
	first, last *entry[O, T]
	length      int
}

func (c *chain[O, T]) push(e *entry[O, T], n int) {
	e.links[n] = link[O, T]{previous: c.last}
	if c.last == nil {
		c.first = e
	} else {
		c.last.links[n].next = e
	}
	c.last = e
	c.length++
}

func (c *chain[O, T]) cut(e *entry[O, T], n int) {
	l := e.links[n]
	if l.previous == nil {
		c.first = l.next
	} else {
		l.previous.links[n].next = l.next
	}
	if l.next == nil {
		c.last = l.previous
	} else {
		l.next.links[n].previous = l.previous
	}
	e.links[n] = link[O, T]{}
	c.length--
}

// add puts a value at the end.
func (r *roll[O, T]) add(owner O, v T) *entry[O, T] {
	e := &entry[O, T]{value: v, owner: owner, roll: r}
	r.push(e, ofAll)
	own := r.owners[owner]
	if own == nil {
		if r.owners == nil {
			r.owners = map[O]*chain[O, T]{}
		}
		own = &chain[O, T]{}
		r.owners[owner] = own
	}
	own.push(e, ofOwner)
	return e
}

// removeFrom takes e out of r and reports whether it was there. e may be nil.
func (e *entry[O, T]) removeFrom(r *roll[O, T]) bool {
	if e == nil || e.roll != r {
		return false
	}
	r.cut(e, ofAll)
	own := r.owners[e.owner]
	if own.cut(e, ofOwner); own.length == 0 {
		delete(r.owners, e.owner)
	}
	e.roll = nil
	return true
}

// pop takes the first value out.
func (r *roll[O, T]) pop() (value T, ok bool) {
	e := r.first
	if !e.removeFrom(r) {
		return value, false
	}
	return e.value, true
}

// oldestOf returns the first entry of an owner, or nil.
func (r *roll[O, T]) oldestOf(owner O) *entry[O, T] {
	if own := r.owners[owner]; own != nil {
		return own.first
	}
	return nil
}

// countOf returns how many entries an owner has.
func (r *roll[O, T]) countOf(owner O) int {
	if own := r.owners[owner]; own != nil {
		return own.length
	}
	return 0
}

// drain empties the roll and yields what was in it, in order. What is added meanwhile stays.
func (r *roll[O, T]) drain() iter.Seq[T] {
	return func(yield func(T) bool) {
		for n := r.length; n > 0; n-- {
			v, ok := r.pop()
			if !ok || !yield(v) {
				return
			}
		}
	}
}

// removeOf takes out what an owner has, and returns it in order.
func (r *roll[O, T]) removeOf(owner O) []T {
	var removed []T
	for e := r.oldestOf(owner); e != nil; e = r.oldestOf(owner) {
		e.removeFrom(r)
		removed = append(removed, e.value)
	}
	return removed
}

// removeIf takes out the values for which gone holds, and returns them in order. It looks at all of them.
func (r *roll[O, T]) removeIf(gone func(T) bool) []T {
	var removed []T
	for e := r.first; e != nil; {
		next := e.links[ofAll].next
		if gone(e.value) {
			e.removeFrom(r)
			removed = append(removed, e.value)
		}
		e = next
	}
	return removed
}

// inOrder returns the owner of each entry, in the order of the entries.
func (r *roll[O, T]) inOrder() []O {
	if r.length == 0 {
		return nil
	}
	owners := make([]O, 0, r.length)
	for e := r.first; e != nil; e = e.links[ofAll].next {
		owners = append(owners, e.owner)
	}
	return owners
}
