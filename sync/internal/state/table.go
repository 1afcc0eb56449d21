package state

import "bytes"

// A Table is values by keys, in the order in which the keys were first set: a dict, a namespace, or with no values, a
// set. Keys and values are encoded, equal when their bytes are, and never changed in place. What an operation takes out,
// it returns.
type Table struct {
	entries map[string]*element[Entry]
	order   list[Entry]
}

// An Entry is a key and its value.
type Entry struct{ Key, Value []byte }

// NewTable returns an empty table.
func NewTable() *Table { return &Table{entries: map[string]*element[Entry]{}} }

// Len returns how many keys there are.
func (t *Table) Len() int { return t.order.length }

// Get returns the value of a key.
func (t *Table) Get(key []byte) (value []byte, found bool) {
	e := t.entries[string(key)]
	if e == nil {
		return nil, false
	}
	return e.value.Value, true
}

// Set sets the value of a key, and returns the one that it had.
func (t *Table) Set(key, value []byte) (old []byte, found bool) {
	if e := t.entries[string(key)]; e != nil {
		old, e.value.Value = e.value.Value, value
		return old, true
	}
	t.entries[string(key)] = t.order.pushBack(Entry{key, value})
	return nil, false
}

// CompareAndSet is Set where the key has a value that is equal to another, and says whether it has.
func (t *Table) CompareAndSet(key, old, value []byte) bool {
	e := t.entries[string(key)]
	if e == nil || !bytes.Equal(e.value.Value, old) {
		return false
	}
	e.value.Value = value
	return true
}

// Delete takes out a key and returns what was there.
func (t *Table) Delete(key []byte) (gone Entry, found bool) {
	e := t.entries[string(key)]
	if e == nil {
		return Entry{}, false
	}
	delete(t.entries, string(key))
	e.removeFrom(&t.order)
	return e.value, true
}

// Last returns the entry whose key was set first most recently.
func (t *Table) Last() (last Entry, found bool) {
	if t.order.last == nil {
		return Entry{}, false
	}
	return t.order.last.value, true
}

// Entries returns all entries in their order.
func (t *Table) Entries() []Entry {
	entries := make([]Entry, 0, t.order.length)
	for e := t.order.first; e != nil; e = e.next {
		entries = append(entries, e.value)
	}
	return entries
}

// Clear takes out everything, and returns what was there.
func (t *Table) Clear() []Entry {
	gone := t.Entries()
	*t = *NewTable()
	return gone
}
