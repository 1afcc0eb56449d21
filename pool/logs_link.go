package pool

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	stdsync "sync"
	"time"
)

// logs is the pool's end of the way of a worker's log records. forwarder is the other end.
type logs struct {
	pool   *Pool
	memory *shared
	rung   chan struct{} // there may be a record
	over   chan struct{} // closed when the worker is gone

	mu      stdsync.Mutex // guards the fields below
	reader  ringReader
	waiting []logEntry // taken from the ring, not passed on
	size    int        // bytes of those
	corrupt bool       // nothing more is read

	dropped  uint64    // known to have been dropped; of forward alone, as is the rest
	untold   uint64    // of those, not told of
	toldLast time.Time // when that was done last
}

// logEntry is an encoded record with what is known of its task.
type logEntry struct {
	encoded []byte
	job     *job // nil when it is not in flight any more
	index   int
	attempt int
}

// logBacklog is how much may wait for the Logger outside the ring, in bytes.
const logBacklog = 1 << 20

// openLogs makes the memory for the log records of a worker, if they are forwarded. Its file is appended to files.
func (p *Pool) openLogs(files *[]*os.File) (*logs, error) {
	if p.options.ForwardLogs == nil {
		return nil, nil
	}
	file, err := anonymousFile("multiproc-logs", logMemory)
	if err != nil {
		return nil, err
	}
	*files = append(*files, file)
	memory, err := mapLogs(file)
	if err != nil {
		return nil, err
	}
	return newLogs(p, memory), nil
}

func newLogs(p *Pool, memory *shared) *logs {
	return &logs{
		pool: p, memory: memory, rung: make(chan struct{}, 1), over: make(chan struct{}),
		reader: ringReader{ring: memory.logRing(), tail: memory.word(wordLogTail), head: memory.word(wordLogHead)},
	}
}

// forwardLogs has the worker's log records passed on until it is gone.
func (l *link) forwardLogs(g *logs) {
	if g == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logs = g
	l.listenLocked()
	l.goroutines.Go(func() { // until end, and what is there then is passed on
		g.forward(l.process.PID(), l.collectLogs)
		l.closeLogs()
	})
}

func (l *link) closeLogs() {
	if err := l.logs.memory.close(); err != nil {
		l.log(slog.LevelError, "cannot unmap a worker's memory", slog.Any("error", err))
	}
}

// flush passes on what a worker logged that did not start.
func (g *logs) flush() {
	if g == nil {
		return
	}
	g.end()
	g.forward(int(g.memory.word(wordLogPID).Load()), func() bool {
		more, _ := g.collect(func(uint64, *logEntry) {})
		return more
	})
	_ = g.memory.close() // the start's own error is told
}

// end tells forward that the worker is gone.
func (g *logs) end() {
	if g != nil {
		close(g.over)
	}
}

// ring tells forward that there may be a record.
func (g *logs) ring() {
	select {
	case g.rung <- struct{}{}:
	default:
	}
}

// collectLogs takes records out of the ring, and notes whose they are. It is called before outcomes are dealt with, while
// the tasks that logged are still in flight. It reports whether it took any.
func (l *link) collectLogs() bool {
	if l.logs == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	took, err := l.logs.collect(func(owner uint64, e *logEntry) {
		if f := l.flyingLocked(owner - 1); f != nil {
			e.job, e.index, e.attempt = f.job, f.index, f.job.attempt(f.index)
		}
	})
	if err != nil {
		l.blameLocked(err)
	}
	return took
}

// collect takes records as long as not too many wait. It has find enter the task of each that has one.
func (g *logs) collect(find func(owner uint64, e *logEntry)) (took bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.size < logBacklog && !g.corrupt {
		span, err := g.reader.span()
		if err == nil && len(span) == 0 {
			return took, nil
		}
		var r record
		if err == nil {
			r, err = firstLog(span)
		}
		if err != nil {
			g.corrupt = true
			return took, err
		}
		e := logEntry{encoded: bytes.Clone(r.payload)}
		g.reader.release(r.size)
		if owner := binary.NativeEndian.Uint64(e.encoded); owner > 0 {
			find(owner, &e)
		}
		g.waiting = append(g.waiting, e)
		g.size += len(e.encoded)
		took = true
	}
	return took, nil
}

func firstLog(span []byte) (record, error) {
	r, ok, err := firstRecord(span)
	if err == nil && (!ok || len(r.payload) < logHeader) {
		err = errCorrupt
	}
	return r, err
}

// empty reports whether there is nothing to collect.
func (g *logs) empty() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.corrupt || g.reader.empty()
}

func (g *logs) take() []logEntry {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := g.waiting
	g.waiting, g.size = nil, 0
	return taken
}

// forward passes records on until the worker is gone and nothing is left.
func (g *logs) forward(pid int, collect func() bool) {
	for gone := false; ; {
		took := collect()
		taken := g.take()
		for i := range taken {
			g.pass(pid, &taken[i])
			taken[i] = logEntry{}
		}
		g.countDropped()
		switch {
		case took || len(taken) > 0:
		case gone:
			g.tellDropped(pid)
			return
		default:
			gone = g.await(pid)
		}
	}
}

// tellEvery is how often dropped records are told of.
const tellEvery = time.Second

// await returns when there may be a record, and whether the worker is gone.
func (g *logs) await(pid int) (gone bool) {
	if g.untold > 0 && time.Since(g.toldLast) >= tellEvery {
		g.tellDropped(pid)
	}
	wanted := g.memory.word(wordLogWanted)
	wanted.Store(1)
	defer wanted.Store(0)
	if !g.empty() {
		return false
	}
	var tell <-chan time.Time
	if g.untold > 0 {
		timer := time.NewTimer(tellEvery - time.Since(g.toldLast))
		defer timer.Stop()
		tell = timer.C
	}
	select {
	case <-g.rung:
		return false
	case <-tell:
		return false
	case <-g.over:
		return true
	}
}

// pass gives a record to the Logger.
func (g *logs) pass(pid int, e *logEntry) {
	l, err := readLog(e.encoded)
	if err != nil {
		g.pool.log(slog.LevelError, "cannot read a log record of a worker", g.pool.about(slog.Int("pid", pid)), slog.Any("error", err))
		return
	}
	ctx := context.Background()
	if e.job != nil {
		ctx = context.WithoutCancel(e.job.ctx)
	}
	handler := g.pool.options.Logger.Handler()
	if !handler.Enabled(ctx, l.record.Level) {
		return
	}
	l.record.AddAttrs(l.attrs...)
	l.record.AddAttrs(g.pool.about(describe(pid, l, e)...))
	_ = handler.Handle(ctx, l.record) // there is nowhere to tell of it
}

// describe says where a record comes from.
func describe(pid int, l *logRecord, e *logEntry) []slog.Attr {
	attrs := []slog.Attr{slog.Int("pid", pid)}
	if l.owner == 0 {
		return attrs
	}
	if function := functions.lookup(l.function); function != nil {
		attrs = append(attrs, slog.String("function", function.name))
	}
	attrs = append(attrs, slog.Uint64("task", l.owner))
	if e.job == nil {
		return attrs
	}
	if !e.job.single {
		attrs = append(attrs, slog.Int("index", e.index))
	}
	return append(attrs, slog.Int("attempt", e.attempt))
}

// countDropped learns of records that found no room.
func (g *logs) countDropped() {
	if dropped := g.memory.word(wordLogDropped).Load(); dropped > g.dropped {
		g.pool.logsDropped.Add(dropped - g.dropped)
		g.untold += dropped - g.dropped
		g.dropped = dropped
	}
}

func (g *logs) tellDropped(pid int) {
	if g.untold == 0 {
		return
	}
	g.pool.log(slog.LevelWarn, "log records of a worker were dropped, because they came faster than they were taken",
		g.pool.about(slog.Int("pid", pid)), slog.Uint64("dropped", g.untold))
	g.untold, g.toldLast = 0, time.Now()
}
