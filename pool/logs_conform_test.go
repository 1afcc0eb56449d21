package pool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
)

// logPath is both ends of the way of log records in one process.
type logPath struct {
	output bytes.Buffer
	logs   *logs
}

func newLogPath(t *testing.T) *logPath {
	t.Helper()
	file, err := anonymousFile("test-logs", logMemory)
	if err != nil {
		t.Fatal(err)
	}
	memory, err := mapLogs(file)
	if err = joinClose(err, file); err != nil {
		t.Fatal(err)
	}
	path := &logPath{}
	p := &Pool{options: &Options{Name: "test", Logger: slog.New(slog.NewJSONHandler(&path.output, &slog.HandlerOptions{AddSource: true}))}}
	path.logs = newLogs(p, memory)
	forwarding.Store(newForwarder(&worker{}, memory, slog.LevelInfo))
	t.Cleanup(func() {
		forwarding.Store(nil)
		if err := memory.close(); err != nil {
			t.Error(err)
		}
	})
	return path
}

// pass passes on what there is, and returns what the Logger has written since the last time.
func (p *logPath) pass(t *testing.T) []map[string]any {
	t.Helper()
	if _, err := p.logs.collect(func(uint64, *logEntry) {}); err != nil {
		t.Fatal(err)
	}
	for _, e := range p.logs.take() {
		p.logs.pass(1, &e)
	}
	var lines []map[string]any
	for line := range bytes.Lines(p.output.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, "worker")
		lines = append(lines, fields)
	}
	p.output.Reset()
	return lines
}

// A handler that forwards keeps the rules of handlers, whatever stands at the other end.
func TestLogHandlerConforms(t *testing.T) {
	path := newLogPath(t)
	slogtest.Run(t, func(*testing.T) slog.Handler { return LogHandler() }, func(t *testing.T) map[string]any {
		lines := path.pass(t)
		if len(lines) != 1 {
			t.Fatal(lines)
		}
		return lines[0]
	})
}

type loud struct{}

func (loud) LogValue() slog.Value { return slog.StringValue("LOUD") }

type panicking struct{}

func (panicking) MarshalText() ([]byte, error) { panic("no text") }

// Values of all kinds come as slog.JSONHandler would have written them in the worker, or as text.
func TestForwardedValues(t *testing.T) {
	path := newLogPath(t)
	logger := slog.New(LogHandler())
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	logger.Info("values", "string", "é", "int", -3, "uint", uint64(math.MaxUint64), "float", 1.5, "bool", true,
		"duration", time.Second, "at", at, slog.Group("group", "a", 1, slog.Group("inner", "b", 2)), "valuer", loud{},
		"error", errors.New("failed"), "bytes", []byte("raw"), "slice", []int{1, 2}, "nil", nil, "panics", panicking{},
		"struct", struct{ A int }{7})
	logger.Debug("below the level")
	lines := path.pass(t)
	if len(lines) != 1 {
		t.Fatal(lines)
	}
	got := lines[0]
	when, err := time.Parse(time.RFC3339Nano, got["time"].(string))
	if err != nil || time.Since(when) > time.Minute || time.Since(when) < 0 {
		t.Fatal(got["time"], err)
	}
	source, ok := got["source"].(map[string]any)
	if !ok || !strings.HasSuffix(source["function"].(string), "TestForwardedValues") {
		t.Fatal(got["source"])
	}
	delete(got, "time")
	delete(got, "source")
	want := map[string]any{
		"level": "INFO", "msg": "values", "string": "é", "int": -3., "uint": float64(math.MaxUint64), "float": 1.5, "bool": true,
		"duration": 1e9, "at": at.Local().Format(time.RFC3339Nano), "group": map[string]any{"a": 1., "inner": map[string]any{"b": 2.}},
		"valuer": "LOUD", "error": "failed", "bytes": "raw", "slice": "[1 2]", "nil": nil, "panics": "!PANIC: no text",
		"struct": "{A:7}",
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v\nwant %v", got, want)
	}
}

// A record that is too large comes without its attributes, and with its size.
func TestForwardedRecordIsBounded(t *testing.T) {
	path := newLogPath(t)
	logger := slog.New(LogHandler())
	logger.Info("large", "value", strings.Repeat("x", largestLog))
	logger.Info(strings.Repeat("y", 10*largestLog))
	var deep any = "end"
	for range 2 * deepestLog {
		deep = slog.GroupValue(slog.Any("g", deep))
	}
	logger.Info("deep", "value", deep)
	lines := path.pass(t)
	if len(lines) != 3 {
		t.Fatal(len(lines))
	}
	if lines[0]["msg"] != "large" || lines[0]["!TRUNCATED"].(float64) < largestLog || lines[0]["value"] != nil {
		t.Fatal(lines[0])
	}
	if message := lines[1]["msg"].(string); len(message) != largestLog/2 || lines[1]["!TRUNCATED"] == nil {
		t.Fatal(len(message))
	}
	if lines[2]["msg"] != "deep" {
		t.Fatal(lines[2])
	}
}

// Records that find no room are counted, not waited for.
func TestForwardedFloodIsCounted(t *testing.T) {
	path := newLogPath(t)
	logger := slog.New(LogHandler())
	message := strings.Repeat("z", 1000)
	const sent = 3000
	for range sent {
		logger.Info(message)
	}
	came := len(path.pass(t))
	path.logs.countDropped()
	if dropped := path.logs.pool.logsDropped.Load(); came == 0 || dropped == 0 || came+int(dropped) != sent {
		t.Fatal(came, dropped)
	}
	path.logs.tellDropped(1)
	if line := path.output.String(); !strings.Contains(line, `"dropped":`) {
		t.Fatal(line)
	}
}

func TestLogHandlerElsewhere(t *testing.T) {
	h := LogHandler()
	if h.Enabled(context.Background(), slog.LevelError) {
		t.Fatal("it is enabled though nobody takes the records")
	}
	if err := h.Handle(context.Background(), slog.Record{}); err != nil {
		t.Fatal(err)
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add(appendLog(nil, &logRecord{
		owner: 3, function: 1, record: slog.NewRecord(time.Unix(1, 2), slog.LevelWarn, "message", 0),
		attrs: []slog.Attr{slog.Int("a", 1), slog.Group("g", "b", "text", "c", 1.5, "d", true), slog.Time("t", time.Unix(3, 4))},
	}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		l, err := readLog(encoded)
		if err != nil {
			return
		}
		again, err := readLog(appendLog(nil, l))
		if err != nil {
			t.Fatal(err)
		}
		if again.record.Message != l.record.Message && len(l.record.Message) < largestLog/4 || again.owner != l.owner {
			t.Fatalf("%+v became %+v", l, again)
		}
	})
}

// BenchmarkForward is what a record costs the task that logs it: the ring is emptied beside it.
func BenchmarkForward(b *testing.B) {
	file, err := anonymousFile("benchmark-logs", logMemory)
	if err != nil {
		b.Fatal(err)
	}
	memory, err := mapLogs(file)
	if err = joinClose(err, file); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = memory.close() }()
	forwarding.Store(newForwarder(&worker{}, memory, slog.LevelInfo))
	defer forwarding.Store(nil)
	logger := slog.New(LogHandler())
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		logger.Info("resizing a page", "page", n, "of", "report.pdf")
		memory.word(wordLogHead).Store(memory.word(wordLogTail).Load())
	}
}
