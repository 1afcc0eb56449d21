package main

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

//go:generate go run ../../cmd/multiproc proxy -type Index

// An Index knows files by what is in them. There is one, in the manager's process; workers have an IndexProxy for it.
type Index struct {
	mu    sync.Mutex // guards files
	files map[Sum][]string
}

// A Sum is the SHA-256 of a file.
type Sum [32]byte

func newIndex() *Index { return &Index{files: map[Sum][]string{}} }

// Add enters a file, and returns how many with the same content were there before.
func (x *Index) Add(file string, sum Sum) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	before := len(x.files[sum])
	x.files[sum] = append(x.files[sum], file)
	return before
}

// Duplicates returns the files that are there more than once, in groups.
func (x *Index) Duplicates() [][]string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var groups [][]string
	for group := range maps.Values(x.files) {
		if len(group) > 1 {
			groups = append(groups, slices.Sorted(slices.Values(group)))
		}
	}
	slices.SortFunc(groups, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return groups
}
