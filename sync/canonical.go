package sync

import (
	"bytes"
	"slices"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/wire"
)

// sortMaps puts the entries of all maps, in the value that begins in m at from, in the order of their keys' bytes.
func sortMaps(m message, from int) (message, error) {
	r := wire.NewReader(m[from:])
	sorted := appendSorted(m[:from:from], r)
	if err := r.End(); err != nil {
		return nil, err
	}
	return sorted, nil
}

// appendSorted appends the next value, sorted, to dst. The encoder limits how deeply values are nested.
func appendSorted(dst []byte, r *reader) []byte {
	from := r.Rest()
	head := func() []byte { return from[:len(from)-len(r.Rest())] }
	switch msgp.NextType(from) {
	case msgp.ArrayType:
		n := r.Array()
		dst = append(dst, head()...)
		for range n {
			dst = appendSorted(dst, r)
		}
		return dst
	case msgp.MapType:
		n := r.Map()
		return appendSortedEntries(append(dst, head()...), r, n)
	default:
		return append(dst, r.Value()...)
	}
}

func appendSortedEntries(dst []byte, r *reader, n int) []byte {
	type entry struct{ key, value []byte }
	entries := make([]entry, 0, n)
	for range n {
		key := appendSorted(nil, r)
		entries = append(entries, entry{key, appendSorted(nil, r)})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	for _, e := range entries {
		dst = append(append(dst, e.key...), e.value...)
	}
	return dst
}
