package wire

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"
)

// Requests that wait are not those of the calls that come after them, with which they share memory.
func TestRequestsThatWaitStayTheirOwn(t *testing.T) {
	var held []*Request // of the goroutine that reads
	near, far := connPair(t, 0)
	s := serve(t, near, far, func(r *Request) {
		switch r.Method {
		case "hold":
			held = append(held, r)
		case "let go":
			for _, h := range held {
				h.Answer(Reply{Payload: h.Argument})
			}
			held = nil
			r.Answer(Reply{})
		default:
			r.Answer(Reply{Payload: r.Argument})
		}
	}, nil, nil)
	type outcome struct {
		want byte
		got  Reply
		err  error
	}
	const holds = 5 * requestsAtOnce
	outcomes := make(chan outcome, holds)
	for i := range byte(holds) {
		go func() {
			got, err := s.Call(context.Background(), uint64(i), "hold", []byte{i})
			outcomes <- outcome{i, got, err}
		}()
		for range i % 4 {
			if got, err := s.Call(context.Background(), 0, "echo", []byte{0xff}); err != nil || got.Payload[0] != 0xff {
				t.Fatal(got, err)
			}
		}
	}
	for left := holds; left > 0; {
		if _, err := s.Call(context.Background(), 0, "let go", nil); err != nil {
			t.Fatal(err)
		}
		for len(outcomes) > 0 {
			if o := <-outcomes; o.err != nil || !bytes.Equal(o.got.Payload, []byte{o.want}) {
				t.Errorf("%v for %d, %v", o.got.Payload, o.want, o.err)
			}
			left--
		}
	}
}

func heapInUse() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A call that waits, and a session that is idle, keep nothing of the calls that were answered, nor does what is small keep the
// memory in which something large has come before.
func TestAnsweredCallsAreLetGo(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	begun := make(chan *Request, 1)
	var stored [][]byte // of the goroutine that reads, and then of the test
	near, far := connPair(t, 64<<20)
	s := serve(t, near, far, func(r *Request) {
		switch r.Method {
		case "wait":
			begun <- r
			return
		case "store":
			stored = append(stored, r.Argument)
		}
		r.Answer(Reply{})
	}, nil, nil)
	call := func(method string, size int) {
		t.Helper()
		if _, err := s.Call(ctx, 0, method, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	call("x", 1)
	const waits, size = 8, 4 << 20
	before := heapInUse()
	keeps := func(what string, most int64) {
		t.Helper()
		if kept := heapInUse() - before; kept > most {
			t.Errorf("%s: %d KiB are kept", what, kept>>10)
		}
	}
	waited := make(chan error, waits)
	var held []*Request
	for range waits {
		go func() { _, err := s.Call(ctx, 0, "wait", nil); waited <- err }()
		held = append(held, <-begun)
		for range requestsAtOnce - 1 {
			call("x", size)
		}
		keeps("an idle session", 3*size/2)
	}
	keeps("calls that wait", 3*size/2)
	for _, r := range held {
		r.Answer(Reply{})
		if err := <-waited; err != nil {
			t.Error(err)
		}
	}
	for range 200 {
		call("x", segmentSize+10) // in segments, whose memory is used again
		call("store", shortPayload+4)
	}
	keeps("small arguments", 3*size/2)
	if len(stored) != 200 {
		t.Errorf("%d were stored", len(stored))
	}
}

// Only calls that wait are counted as unanswered, and only those of objects that are asked for.
func TestUnanswered(t *testing.T) {
	near, far := connPair(t, 0)
	all := func(uint64) bool { return true }
	if n := far.Unanswered(all); n != 0 {
		t.Errorf("%d before there is a server", n)
	}
	begun := make(chan *Request, 1)
	s := serve(t, near, far, func(r *Request) {
		if r.Method == "wait" {
			begun <- r
			return
		}
		r.Answer(Reply{})
	}, nil, nil)
	waited := make(chan error)
	go func() { _, err := s.Call(context.Background(), 7, "wait", nil); waited <- err }()
	r := <-begun
	if _, err := s.Call(context.Background(), 8, "x", nil); err != nil { // read once the other one's handler has returned
		t.Fatal(err)
	}
	is := func(want uint64) func(uint64) bool { return func(object uint64) bool { return object == want } }
	if n, ours, others := far.Unanswered(all), far.Unanswered(is(7)), far.Unanswered(is(8)); n != 1 || ours != 1 || others != 0 {
		t.Errorf("%d, %d of the object that waits, and %d of another", n, ours, others)
	}
	r.Answer(Reply{})
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if n := far.Unanswered(all); n != 0 {
		t.Errorf("%d after the answer", n)
	}
}
