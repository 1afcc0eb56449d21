package manager

// smallTable is how many elements a table keeps memory for even when it is empty.
const smallTable = 1024

// A table is a map that gives memory back: Go's maps stay as large as they have ever been. The zero value is empty. It
// is not safe for concurrent use.
type table[K, V comparable] struct {
	elements map[K]V
	peak     int // the greatest length since elements was made
}

func (t *table[K, V]) get(key K) V { return t.elements[key] }

func (t *table[K, V]) length() int { return len(t.elements) }

func (t *table[K, V]) set(key K, value V) {
	if t.elements == nil {
		t.elements = make(map[K]V)
	}
	t.elements[key] = value
	t.peak = max(t.peak, len(t.elements))
}

// put is set, or remove for a zero value.
func (t *table[K, V]) put(key K, value V) {
	var zero V
	if value == zero {
		t.remove(key)
		return
	}
	t.set(key, value)
}

func (t *table[K, V]) remove(key K) {
	delete(t.elements, key)
	if t.peak <= smallTable || len(t.elements) > t.peak/4 {
		return
	}
	smaller := make(map[K]V, len(t.elements))
	for k, v := range t.elements {
		smaller[k] = v
	}
	t.elements, t.peak = smaller, len(smaller)
}
