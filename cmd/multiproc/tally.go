package main

import (
	"fmt"
	"strings"
	"sync"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/joblog"
)

// tally counts how items have ended. It is safe for concurrent use.
type tally struct {
	mu     sync.Mutex // guards the fields below
	counts map[joblog.Outcome]int64
	total  int64
}

func (t *tally) add(o joblog.Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = make(map[joblog.Outcome]int64)
	}
	t.counts[o]++
	t.total++
}

// items returns how many items have ended.
func (t *tally) items() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

// failures returns how many items have ended otherwise than done.
func (t *tally) failures() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total - t.counts[joblog.Done]
}

// summary returns a line that counts each outcome.
func (t *tally) summary() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := make([]string, 0, len(joblog.Outcomes))
	for _, o := range joblog.Outcomes {
		parts = append(parts, fmt.Sprintf("%d %s", t.counts[o], o))
	}
	return fmt.Sprintf("multiproc: %s: %s\n", count(t.total), strings.Join(parts, ", "))
}

// count returns a number of items in words.
func count(n int64) string {
	if n == 1 {
		return "1 item"
	}
	return fmt.Sprintf("%d items", n)
}
