package pool

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// Whatever a client submits is refused, or means the same when it is submitted again.
func FuzzReadSubmission(f *testing.F) {
	j := &job{entry: &entry{name: "f"}, timeout: time.Second, holds: true}
	f.Add(appendSubmission(j, 7, modeOrdered|modeOpen, []task{{index: 0, arg: []byte{1}}, {index: 1, arg: []byte{0xc0}}}))
	j.carry([]byte{0x80})
	f.Add(appendSubmission(j, 7, modeSingle, []task{{index: 0, arg: []byte{1}}}))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := readSubmission(src)
		if err != nil {
			if !errors.Is(err, errHostedMessage) {
				t.Fatal(err)
			}
			return
		}
		again := &job{entry: &entry{name: s.function}, timeout: s.timeout, holds: s.holds}
		again.carry(s.trace)
		if len(s.trace) > largestTrace {
			s.mode &^= modeTraced
			s.trace = nil
		}
		tasks := make([]task, len(s.tasks))
		for i, one := range s.tasks {
			tasks[i] = task{index: one.index, arg: one.arg}
		}
		encoded := appendSubmission(again, s.job, s.mode, tasks)
		same, err := readSubmission(encoded)
		if err != nil || same.job != s.job || same.function != s.function || same.timeout != s.timeout ||
			same.mode != s.mode || same.holds != s.holds || !bytes.Equal(same.trace, s.trace) || len(same.tasks) != len(s.tasks) {
			t.Fatalf("%+v became %+v: %v", s, same, err)
		}
		for i := range s.tasks {
			if same.tasks[i].index != s.tasks[i].index || !bytes.Equal(same.tasks[i].arg, s.tasks[i].arg) {
				t.Fatalf("task %d became another", i)
			}
		}
	})
}

// Whatever a manager sends as an outcome is refused, or is one.
func FuzzOutcome(f *testing.F) {
	f.Add(appendOutcome(nil, 7, 1, outcome{value: []byte{1}}, true))
	f.Add(appendOutcome(nil, 7, 1, outcome{kind: Lost, err: &WorkerLostError{Function: "f", PID: 9}}, false))
	f.Add(appendOutcome(nil, 7, 1, outcome{kind: OutOfMemory, err: &MemoryLimitError{Function: "f", PID: 9, Used: 2, Limit: 1}}, false))
	f.Fuzz(func(t *testing.T, src []byte) {
		r := newReader(src)
		number, index, o := r.outcome()
		if r.End() != nil {
			return
		}
		if o.err == nil && len(o.value) > len(src) {
			t.Fatal("a value that was not sent")
		}
		var lost *WorkerLostError
		if o.err != nil && o.err.Error() == "" && !errors.As(o.err, &lost) {
			return // an error that says nothing
		}
		again := newReader(appendOutcome(nil, number, index, o, false))
		if n, i, p := again.outcome(); again.End() != nil || n != number || i != index || (p.err == nil) != (o.err == nil) {
			t.Fatalf("%d %d %+v became %d %d %+v: %v", number, index, o, n, i, p, again.Err())
		}
	})
}

// A length that is negative in 32 bits ends the message, and not the process.
func TestHostedMessagesBelieveNoLength(t *testing.T) {
	for _, head := range [][]byte{{0xdb, 0xff, 0xff, 0xff, 0xff}, {0xdd, 0xff, 0xff, 0xff, 0xff}, {0xc6, 0x80, 0, 0, 0}} {
		m := append(msgp.AppendUint64(msgp.AppendArrayHeader(nil, 7), 1), head...)
		if _, err := readSubmission(append(m, make([]byte, 8)...)); !errors.Is(err, errHostedMessage) {
			t.Errorf("% x: %v", head, err)
		}
	}
}
