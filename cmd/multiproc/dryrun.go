package main

import (
	"io"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/argv"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/items"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/joblog"
)

// dryRun writes the command of each item, and says of those that have none why.
func (m *mapper) dryRun(source items.Source) error {
	for seq := int64(1); !isClosed(m.halted); seq++ {
		item, ok := m.next(source)
		if !ok {
			break
		}
		if item.Err != nil {
			v := unrunnable(item)
			m.say(v.line(seq, item.Text))
			m.tally.add(joblog.Failed)
			continue
		}
		line := argv.Quote(m.plan.template.Expand(item.Text)) + "\n"
		if _, err := io.WriteString(m.streams.stdout, line); err != nil {
			return &stdoutError{err}
		}
	}
	return nil
}
