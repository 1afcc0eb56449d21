package sync

import (
	"bytes"
	"slices"

	"github.com/tinylib/msgp/msgp"
)

// sortMaps puts the entries of all maps, in the value that begins in m at from, in the order of their keys' bytes.
func sortMaps(m message, from int) (message, error) {
	sorted, rest, err := appendSorted(m[:from:from], m[from:])
	if err == nil && len(rest) > 0 {
		err = errLeftOver
	}
	if err != nil {
		return nil, malformed(err)
	}
	return sorted, nil
}

// appendSorted appends the next value of src, sorted, to dst, and returns what follows it. The encoder limits how deeply
// values are nested.
func appendSorted(dst, src []byte) (sorted, rest []byte, err error) {
	switch msgp.NextType(src) {
	case msgp.ArrayType:
		n, rest, err := msgp.ReadArrayHeaderBytes(src)
		if err != nil {
			return nil, src, err
		}
		dst = append(dst, src[:len(src)-len(rest)]...)
		for range n {
			if dst, rest, err = appendSorted(dst, rest); err != nil {
				return nil, rest, err
			}
		}
		return dst, rest, nil
	case msgp.MapType:
		return appendSortedMap(dst, src)
	default:
		rest, err := msgp.Skip(src)
		if err != nil {
			return nil, src, err
		}
		return append(dst, src[:len(src)-len(rest)]...), rest, nil
	}
}

func appendSortedMap(dst, src []byte) (sorted, rest []byte, err error) {
	n, rest, err := msgp.ReadMapHeaderBytes(src)
	if err != nil {
		return nil, src, err
	}
	dst = append(dst, src[:len(src)-len(rest)]...)
	type entry struct{ key, value []byte }
	var entries []entry
	for range n {
		var e entry
		if e.key, rest, err = appendSorted(nil, rest); err != nil {
			return nil, rest, err
		}
		if e.value, rest, err = appendSorted(nil, rest); err != nil {
			return nil, rest, err
		}
		entries = append(entries, e)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	for _, e := range entries {
		dst = append(append(dst, e.key...), e.value...)
	}
	return dst, rest, nil
}
