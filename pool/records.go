package pool

import (
	"log/slog"
	"syscall"

	"golang.org/x/sys/unix"
)

// about is the group of attributes that says what a record is about, the same in the pool's own records as in those that
// workers pass on: a group, because what tasks log may have attributes of any name.
func (p *Pool) about(more ...slog.Attr) slog.Attr {
	return slog.Attr{Key: "worker", Value: slog.GroupValue(append([]slog.Attr{slog.String("pool", p.options.Name)}, more...)...)}
}

// aboutWorker names a worker, by what it has: a spare has no number, one that did not start may have no pid.
func aboutWorker(number int, name string, pid int) []slog.Attr {
	var attrs []slog.Attr
	if number > 0 {
		attrs = append(attrs, slog.Int("number", number))
	}
	attrs = append(attrs, slog.String("name", name))
	if pid > 0 {
		attrs = append(attrs, slog.Int("pid", pid))
	}
	return attrs
}

// aboutTask names a task in an attempt.
func aboutTask(t task, attempt int) []slog.Attr {
	attrs := []slog.Attr{slog.String("function", t.job.entry.name)}
	if !t.job.single {
		attrs = append(attrs, slog.Int("index", t.index))
	}
	return append(attrs, slog.Int("attempt", attempt))
}

// exited says how a process has ended: by an exit status, a signal, or in a way that nobody knows.
func exited(code int, signal syscall.Signal) []slog.Attr {
	switch {
	case signal != 0:
		name := unix.SignalName(signal)
		if name == "" {
			name = signal.String()
		}
		return []slog.Attr{slog.String("signal", name)}
	case code >= 0:
		return []slog.Attr{slog.Int("exit", code)}
	}
	return nil
}

// log logs what happens to the pool.
func (p *Pool) log(level slog.Level, message string, about slog.Attr, attributes ...slog.Attr) {
	p.options.Logger.LogAttrs(p.lifetime, level, message, append([]slog.Attr{about}, attributes...)...)
}

// log logs what happens to a worker.
func (l *link) log(level slog.Level, message string, attributes ...slog.Attr) {
	l.pool.log(level, message, l.pool.about(l.about()...), attributes...)
}

func (l *link) about() []slog.Attr { return aboutWorker(l.number(), l.process.Name(), l.process.PID()) }

// logTask logs what happens to a task and so to its worker.
func (l *link) logTask(level slog.Level, message string, t task, attributes ...slog.Attr) {
	about := append(l.about(), aboutTask(t, t.job.attempt(t.index))...)
	l.pool.log(level, message, l.pool.about(about...), attributes...)
}
