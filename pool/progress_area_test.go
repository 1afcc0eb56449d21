package pool

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// What is read is always one whole report, and not older than one that was read before, while others are written.
func TestReportsAreReadWhole(t *testing.T) {
	s, _, file, err := newShared()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := joinClose(s.close(), file); err != nil {
			t.Error(err)
		}
	}()
	const last = 20_000
	done := make(chan struct{})
	go func() { // ends by itself; done joins it
		defer close(done)
		for i := uint64(1); i <= last; i++ {
			s.putReport(&report{count: i, sequence: i, Progress: Progress{
				Done: int64(i), Total: -int64(i), Message: strings.Repeat(string(rune('a'+i%26)), int(i%MaxProgressMessage)),
			}})
		}
	}()
	for known := uint64(0); known < last; {
		r, ok := s.latestReport(known)
		if !ok {
			continue
		}
		n := int64(r.count)
		message := strings.Repeat(string(rune('a'+r.count%26)), int(r.count%MaxProgressMessage))
		if r.count <= known || r.sequence != r.count || r.Done != n || r.Total != -n || r.Message != message {
			t.Fatalf("after %d: %+v", known, r)
		}
		known = r.count
	}
	<-done
	if r, ok := s.latestReport(last); ok {
		t.Fatalf("it was known: %+v", r)
	}
}

// A report is believed as long as the worker cannot have begun to write over it.
func TestReportIsIntactUntilItsPlaceIsWrittenTo(t *testing.T) {
	s, _, file, err := newShared()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := joinClose(s.close(), file); err != nil {
			t.Error(err)
		}
	}()
	for i := uint64(1); i < reportPlaces; i++ { // the place of the first belongs to the next but one
		s.putReport(&report{count: i})
		if !s.intact(1) {
			t.Fatalf("not after the one numbered %d", i)
		}
	}
	s.putReport(&report{count: reportPlaces})
	if s.intact(1) {
		t.Fatal("the worker may be writing over it")
	}
}

// A worker that corrupts its memory makes no report that is longer than there is room, or not text.
func TestCorruptReports(t *testing.T) {
	s, _, file, err := newShared()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := joinClose(s.close(), file); err != nil {
			t.Error(err)
		}
	}()
	s.putReport(&report{count: 3, Progress: Progress{Message: "\xff\xfe"}})
	s.reportWord(3, 24).Store(1 << 63)
	r, ok := s.latestReport(0)
	if !ok || len(r.Message) < MaxProgressMessage-2 || !strings.HasPrefix(r.Message, "\uFFFD") {
		t.Fatalf("%v %+v", ok, r)
	}
	for _, encoded := range [][]byte{nil, make([]byte, 23), make([]byte, 25+MaxProgressMessage)} {
		if r, err := readReport(encoded); !errors.Is(err, errCorrupt) {
			t.Fatalf("%d bytes: %+v, %v", len(encoded), r, err)
		}
	}
}

// BenchmarkReport is what a report costs the task that nobody follows.
func BenchmarkReport(b *testing.B) {
	s, _, file, err := newShared()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = joinClose(s.close(), file) }()
	w := &worker{shared: s}
	c := &taskContext{}
	w.current.Store(c)
	b.ReportAllocs()
	for n := int64(0); b.Loop(); n++ {
		w.report(c, Progress{Done: n, Total: 1 << 40, Message: "reading the third page"})
	}
}

func FuzzReadReport(f *testing.F) {
	f.Add(appendReport(nil, &report{count: 1, Progress: Progress{Done: 2, Total: 3, Message: "message"}}))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		r, err := readReport(encoded)
		if err != nil {
			return
		}
		if !utf8.ValidString(r.Message) {
			t.Fatalf("%q", r.Message)
		}
		again := *r
		again.Message = cutMessage(again.Message) // bytes that are no text have become longer
		same, err := readReport(appendReport(nil, &again))
		if err != nil || *same != again {
			t.Fatalf("%+v became %+v, %v", again, same, err)
		}
	})
}
