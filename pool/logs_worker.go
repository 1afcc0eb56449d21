package pool

import (
	"context"
	"errors"
	"log/slog"
	"os"
	stdsync "sync"
)

// forwarder is the worker's end of the way of log records to the pool's Logger. logs is the other end.
type forwarder struct {
	worker *worker
	memory *shared
	level  slog.Level

	mu   stdsync.Mutex // guards the field below
	ring ringWriter
}

// forwardLogs makes a forwarder slog's default.
func (w *worker) forwardLogs(files []*os.File, level slog.Level) error {
	if len(files) != 1 {
		return errors.New("pool: the worker was given no memory for log records")
	}
	memory, err := mapLogs(files[0])
	if err = joinClose(err, files[0]); err != nil {
		return err
	}
	memory.word(wordLogPID).Store(uint64(os.Getpid()))
	forwarding.Store(newForwarder(w, memory, level))
	slog.SetDefault(slog.New(LogHandler()))
	return nil
}

func newForwarder(w *worker, memory *shared, level slog.Level) *forwarder {
	return &forwarder{worker: w, memory: memory, level: level, ring: ringWriter{
		ring: memory.logRing(), tail: memory.word(wordLogTail), head: memory.word(wordLogHead),
	}}
}

// logBuffers are for records while they are encoded.
var logBuffers = stdsync.Pool{New: func() any { return new([]byte) }}

// forward publishes a record, or counts it as dropped. It waits for nobody.
func (f *forwarder) forward(ctx context.Context, r slog.Record, attrs []slog.Attr) {
	message := logRecord{record: r, attrs: attrs}
	if c := f.worker.taskFor(ctx); c != nil {
		message.owner, message.function = c.sequence+1, c.function
	}
	buffer := logBuffers.Get().(*[]byte)
	encoded := appendLog((*buffer)[:0], &message)
	if f.publish(encoded) {
		f.worker.knock(f.memory.word(wordLogWanted))
	} else {
		f.memory.word(wordLogDropped).Add(1)
	}
	if cap(encoded) <= largestLog {
		*buffer = encoded
	}
	logBuffers.Put(buffer)
}

func (f *forwarder) publish(encoded []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	room, err := f.ring.reserve(len(encoded), 0)
	if err != nil || room == nil {
		return false
	}
	copy(room, encoded)
	f.ring.publish()
	return true
}

// taskFor returns the task that ctx belongs to, or else the one that runs, nil for none.
func (w *worker) taskFor(ctx context.Context) *taskContext {
	if ctx != nil {
		if c := taskOf(ctx); c != nil {
			return c
		}
	}
	if c := w.current.Load(); c != nil && !c.ended() {
		return c
	}
	return nil
}
