package wire

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
)

// Arguments and results of every size stay as they were, however long they are kept, though the memory of frames is used again.
func TestPayloadsAreTheirReceivers(t *testing.T) {
	for name, begin := range map[string]func(h Handler) *serving{
		"socket": func(h Handler) *serving {
			near, far := connPair(t, 0)
			return serve(t, near, far, h, nil, nil)
		},
		"memory": func(h Handler) *serving { s, _ := sharing(t, h, nil, nil); return s },
	} {
		t.Run(name, func(t *testing.T) {
			var arguments [][]byte // of the goroutine that reads, and then of the test
			s := begin(func(r *Request) {
				arguments = append(arguments, r.Argument)
				r.Answer(Reply{Payload: slices.Clone(r.Argument)})
			})
			var results [][]byte
			content := func(size, round int) []byte { return bytes.Repeat([]byte{byte(size + 61*round)}, size) }
			for round := range 4 {
				for size := range 3 * shortPayload {
					got, err := s.Call(context.Background(), 0, "x", content(size, round))
					if err != nil {
						t.Fatal(err)
					}
					results = append(results, got.Payload)
				}
			}
			for i := range results {
				want := content(i%(3*shortPayload), i/(3*shortPayload))
				if !bytes.Equal(arguments[i], want) || !bytes.Equal(results[i], want) {
					t.Errorf("%d bytes: %v came, and %v went back", len(want), arguments[i], results[i])
				}
			}
		})
	}
}

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

// Who finds his own reply lets those run that have got theirs: where there is one processor they would wait for as long as he
// goes on calling.
func TestWhoLooksForHimselfLetsOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, test := range []struct {
		settled uint64
		ran     bool
	}{{1, false}, {2, true}} {
		ran := atomic.Bool{}
		c := &Caller{}
		c.settled.Store(test.settled) // of which this call is one
		gone := make(chan struct{})
		go func() { ran.Store(true); close(gone) }()
		c.reuse(&pending{notices: make(chan notice, noticeKinds)}, true)
		if got := ran.Load(); got != test.ran {
			t.Errorf("with %d replies that were found the other has run: %t", test.settled, got)
		}
		<-gone
	}
}
