package pool

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
)

// LogHandler returns the handler that passes log records to the Logger of the pool whose worker this process is, if that
// has Options.ForwardLogs. It is slog's default then; it can be had for loggers of one's own, also before the process knows that
// it is a worker, as in package-level variables. Elsewhere it is enabled for no level and drops everything.
//
// A record keeps its time, level, message and source, its groups, and its attributes as strings, numbers, booleans, durations, times
// and groups; a value of another type as the text that slog.TextHandler would write. Logger gets it with a further group of attributes,
// "worker", which the pool's own records have as well: here pool and pid, not the worker's number and name; for what was logged while a
// task ran, or with its context afterwards, also function and task (the number of the task in that worker, from 1); and, unless the task
// had ended before, attempt, and index, the input's in Map or IMap. Code of a library that logs without a context is told
// by what its worker is running. The context that the Logger's handler gets has the values of the call's context, if the task
// has not ended by then: a handler that looks for a trace in it finds the caller's.
//
// Records lie in memory that outlives the worker: what a task logged before its worker was killed is passed on. Logging
// does not wait for anybody: a worker's records that Logger has not taken yet may have 1 MiB, and as much again in this process; those that
// come when that is full are dropped, counted in Stats.LogsDropped, and told of in a record of their own. A record of more than 64 KiB
// comes without its attributes. Records are in order for each worker, but may come after the task's
// result. Shutdown and Close return when all have been passed on.
//
// The handler is safe for concurrent use. Its Handle never returns an error.
func LogHandler() slog.Handler { return &logHandler{} }

// forwarding is this process's way to its pool's Logger, nil for none.
var forwarding atomic.Pointer[forwarder]

// logHandler forwards, with what was added by WithGroup and WithAttrs.
type logHandler struct{ scopes []scope }

// scope is a group that was opened, or attributes that were added.
type scope struct {
	group string
	attrs []slog.Attr
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	f := forwarding.Load()
	return f != nil && level >= f.level
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	if f := forwarding.Load(); f != nil {
		f.forward(ctx, r, h.attrs(r))
	}
	return nil
}

// attrs returns a record's attributes within the groups that were opened, and those added before.
func (h *logHandler) attrs(r slog.Record) []slog.Attr {
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for _, s := range slices.Backward(h.scopes) {
		switch {
		case s.group == "":
			attrs = append(slices.Clip(s.attrs), attrs...)
		case len(attrs) > 0:
			attrs = []slog.Attr{{Key: s.group, Value: slog.GroupValue(attrs...)}}
		}
	}
	return attrs
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return &logHandler{append(slices.Clip(h.scopes), scope{attrs: attrs})}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{append(slices.Clip(h.scopes), scope{group: name})}
}
