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
	said   int64 // items of which it was said how they failed
	unsaid int64 // and those that would have been too many
}

// line returns the message of a verdict as it is written to stderr, or nothing
// when there is none or it was said of so many items that the rest is counted.
// What was lost, and its output with it, is always said.
func (t *tally) line(task task, v *verdict) string {
	line := v.line(task.seq, task.item.Text)
	if line == "" || v.entry.Outcome != joblog.Failed && v.entry.Outcome != joblog.Timeout {
		return line
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said == shownFailures {
		t.unsaid++
		return ""
	}
	t.said++
	return line
}

// rest returns a line that counts the items of which it was not said how they
// failed, or nothing.
func (t *tally) rest(logged bool) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unsaid == 0 {
		return ""
	}
	hint := "--joblog FILE tells all"
	if logged {
		hint = "the job log tells all"
	}
	return fmt.Sprintf("multiproc: and %d more failures; %s\n", t.unsaid, hint)
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

// summary returns a line that counts each outcome, with a remark at its end.
func (t *tally) summary(remark string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := make([]string, 0, len(joblog.Outcomes))
	for _, o := range joblog.Outcomes {
		parts = append(parts, fmt.Sprintf("%d %s", t.counts[o], o))
	}
	return fmt.Sprintf("multiproc: %s: %s%s\n", count(t.total), strings.Join(parts, ", "), remark)
}

// count returns a number of items in words.
func count(n int64) string {
	if n == 1 {
		return "1 item"
	}
	return fmt.Sprintf("%d items", n)
}
