package main

import (
	"context"
	"fmt"
	"time"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/command"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/joblog"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/output"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/spool"
)

// lane runs one item at a time, so that as many are submitted to the pool as
// have a worker process to run them, and none waits there: what has been
// submitted has begun. It is used by one goroutine.
type lane struct {
	mapper *mapper
	run    runFunc
	stdout slot
	stderr slot
}

// serve runs tasks until there are no more.
func (l *lane) serve(ctx context.Context, tasks <-chan task) {
	defer l.stdout.close()
	defer l.stderr.close()
	for t := range tasks {
		l.mapper.running.Add(1)
		v := l.settle(ctx, t)
		l.mapper.running.Add(-1)
		l.mapper.record(t, v)
	}
}

// settle runs a task as often as it may be, and returns the last verdict.
func (l *lane) settle(ctx context.Context, t task) verdict {
	for attempt := 0; ; attempt++ {
		v := l.attempt(ctx, t)
		done := v.entry.Outcome == joblog.Done || v.fatal != nil || t.item.Err != nil
		if done || attempt == l.mapper.plan.retries || isClosed(l.mapper.halted) || ctx.Err() != nil {
			return v
		}
		v.discard()
	}
}

func (l *lane) attempt(ctx context.Context, t task) verdict {
	if t.item.Err != nil {
		return unrunnable(t.item)
	}
	job := command.Job{
		Arguments: l.mapper.plan.template.Expand(t.item.Text),
		Timeout:   l.mapper.plan.timeout,
		Stdout:    l.stdout.handle(),
		Stderr:    l.stderr.handle(),
	}
	start := time.Now()
	report, err := l.run(ctx, job)
	if err != nil {
		// Nobody knows what is in the files.
		l.stdout.close()
		l.stderr.close()
		v := unreported(ctx, err, l.mapper.plan.timeout)
		v.entry.Start, v.entry.Took = start, time.Since(start)
		return v
	}
	v := reported(&report, l.mapper.plan.timeout)
	v.stdout = l.stdout.content(report.Stdout)
	v.stderr = l.stderr.content(report.Stderr)
	return v
}

// slot is the file that a lane offers for one stream of its next command.
type slot struct{ file *spool.File }

// handle returns what a worker needs to open the file. Without a file, commands
// with little output can still be run.
func (s *slot) handle() spool.Handle {
	if s.file == nil {
		file, err := spool.Create()
		if err != nil {
			return spool.Handle{Fault: err.Error()}
		}
		s.file = file
	}
	return s.file.Handle()
}

// content returns what a command has written. The file goes with it if it was
// used, and is kept for the next command if not.
func (s *slot) content(o command.Output) output.Content {
	if !o.Spooled {
		return output.Bytes(o.Inline)
	}
	file := s.file
	s.file = nil
	return output.File(file, o.Size)
}

func (s *slot) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// record makes known what became of a task: each exactly once.
func (m *mapper) record(t task, v verdict) {
	stderr := v.stderr
	if line := m.tally.line(t, &v); line != "" {
		stderr = stderr.Append(line)
	}
	if err := m.printer.Deliver(t.seq, v.stdout, stderr); err != nil {
		v.entry.Outcome = joblog.Failed
		v.message = fmt.Sprintf("output is lost: %v", err)
		m.printer.Notice(v.line(t.seq, t.item.Text))
	}
	v.entry.Seq, v.entry.Item = t.seq, t.item.Text
	if err := m.plan.log.Write(v.entry); err != nil {
		m.fail(err)
	}
	failed := v.entry.Outcome != joblog.Done
	m.tally.add(v.entry.Outcome)
	m.streams.bar.Step(failed)
	switch {
	case v.fatal != nil:
		m.fail(v.fatal)
	case failed && m.plan.failFast:
		m.halt()
	}
}
