package pool

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	stdsync "sync"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/wire"
)

// A log record on its way begins with logHeader bytes in the machine's order: whose it is, as a sequence number plus one, or 0;
// and that task's function. Time, level, source and message follow, then attributes: key, kind and value each.
const logHeader = 12

// largestLog bounds a log record on its way, and deepestLog the groups in one another.
const (
	largestLog = 64 << 10
	deepestLog = 32
)

// logRecord is a log record on its way. Its source is given as a distance from a function of this package, because a
// program may lie elsewhere in each process.
type logRecord struct {
	owner    uint64 // its task's sequence number plus one; 0 for none
	function uint32
	record   slog.Record // without its attributes
	attrs    []slog.Attr
}

var codeBase = stdsync.OnceValue(func() uintptr { return reflect.ValueOf(LogHandler).Pointer() })

func appendLog(dst []byte, l *logRecord) []byte {
	start := len(dst)
	dst = appendLogHead(dst, l, l.record.Message)
	dst = appendAttrs(dst, l.attrs, 0)
	if size := len(dst) - start; size > largestLog {
		dst = appendLogHead(dst[:start], l, l.record.Message[:min(len(l.record.Message), largestLog/2)])
		dst = appendAttrs(dst, []slog.Attr{slog.Int("!TRUNCATED", size)}, 0)
	}
	return dst
}

func appendLogHead(dst []byte, l *logRecord, message string) []byte {
	dst = binary.NativeEndian.AppendUint64(dst, l.owner)
	dst = binary.NativeEndian.AppendUint32(dst, l.function)
	dst = msgp.AppendTime(dst, l.record.Time)
	dst = msgp.AppendInt64(dst, int64(l.record.Level))
	source := int64(0)
	if l.record.PC != 0 {
		source = int64(l.record.PC - codeBase())
	}
	dst = msgp.AppendInt64(dst, source)
	return msgp.AppendString(dst, message)
}

func appendAttrs(dst []byte, attrs []slog.Attr, depth int) []byte {
	dst = msgp.AppendArrayHeader(dst, uint32(len(attrs)))
	for _, a := range attrs {
		dst = appendLogValue(msgp.AppendString(dst, a.Key), a.Value.Resolve(), depth)
	}
	return dst
}

func appendLogValue(dst []byte, v slog.Value, depth int) []byte {
	kind := v.Kind()
	if kind == slog.KindAny && v.Any() == nil {
		return msgp.AppendUint8(dst, uint8(slog.KindAny)) // an empty attribute, or a value of nil
	}
	if kind == slog.KindAny || kind == slog.KindGroup && depth == deepestLog {
		v = slog.StringValue(textOf(v.Any()))
		kind = slog.KindString
	}
	dst = msgp.AppendUint8(dst, uint8(kind))
	switch kind {
	case slog.KindBool:
		return msgp.AppendBool(dst, v.Bool())
	case slog.KindDuration:
		return msgp.AppendInt64(dst, int64(v.Duration()))
	case slog.KindFloat64:
		return msgp.AppendFloat64(dst, v.Float64())
	case slog.KindInt64:
		return msgp.AppendInt64(dst, v.Int64())
	case slog.KindUint64:
		return msgp.AppendUint64(dst, v.Uint64())
	case slog.KindTime:
		return msgp.AppendTime(dst, v.Time())
	case slog.KindGroup:
		return appendAttrs(dst, v.Group(), depth+1)
	}
	return msgp.AppendString(dst, v.String())
}

// textOf writes a value as slog.TextHandler does.
func textOf(v any) (text string) {
	defer func() {
		if value := recover(); value != nil {
			text = fmt.Sprintf("!PANIC: %v", value)
		}
	}()
	switch v := v.(type) {
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err != nil {
			return "!ERROR:" + err.Error()
		}
		return string(text)
	case []byte:
		return string(v)
	}
	return fmt.Sprintf("%+v", v)
}

// readLog reads what appendLog wrote.
func readLog(src []byte) (*logRecord, error) {
	if len(src) < logHeader {
		return nil, errCorrupt
	}
	l := &logRecord{owner: binary.NativeEndian.Uint64(src), function: binary.NativeEndian.Uint32(src[8:])}
	r := &logReader{rest: src[logHeader:]}
	at := next(r, msgp.ReadTimeBytes)
	level := next(r, msgp.ReadInt64Bytes)
	source := next(r, msgp.ReadInt64Bytes)
	message := r.text()
	l.attrs = r.attrs(0)
	if r.err != nil || len(r.rest) > 0 {
		return nil, errors.Join(errCorrupt, r.err)
	}
	l.record = slog.NewRecord(at, slog.Level(level), message, 0)
	if source != 0 {
		l.record.PC = codeBase() + uintptr(source)
	}
	return l, nil
}

// logReader reads a log record. After an error it reads zeros.
type logReader struct {
	rest []byte
	err  error
}

func next[T any](r *logReader, read func([]byte) (T, []byte, error)) (value T) {
	if r.err == nil {
		value, r.rest, r.err = read(r.rest)
	}
	return value
}

// text reads a string, and believes no length that would not be an int on this machine.
func (r *logReader) text() string {
	if r.err != nil {
		return ""
	}
	reader := wire.NewReader(r.rest)
	value := reader.Text()
	r.rest, r.err = reader.Rest(), reader.Err()
	return value
}

func (r *logReader) attrs(depth int) []slog.Attr {
	count := next(r, msgp.ReadArrayHeaderBytes)
	if depth > deepestLog {
		r.err = errCorrupt
	}
	var attrs []slog.Attr
	for ; count > 0 && r.err == nil; count-- {
		key := r.text()
		attrs = append(attrs, slog.Attr{Key: key, Value: r.value(depth)})
	}
	return attrs
}

func (r *logReader) value(depth int) slog.Value {
	switch kind := slog.Kind(next(r, msgp.ReadUint8Bytes)); kind {
	case slog.KindAny:
		return slog.Value{}
	case slog.KindBool:
		return slog.BoolValue(next(r, msgp.ReadBoolBytes))
	case slog.KindDuration:
		return slog.DurationValue(next(r, msgp.ReadDurationBytes))
	case slog.KindFloat64:
		return slog.Float64Value(next(r, msgp.ReadFloat64Bytes))
	case slog.KindInt64:
		return slog.Int64Value(next(r, msgp.ReadInt64Bytes))
	case slog.KindUint64:
		return slog.Uint64Value(next(r, msgp.ReadUint64Bytes))
	case slog.KindTime:
		return slog.TimeValue(next(r, msgp.ReadTimeBytes))
	case slog.KindGroup:
		return slog.GroupValue(r.attrs(depth + 1)...)
	}
	return slog.StringValue(r.text())
}
