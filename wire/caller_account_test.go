//go:build linux

package wire

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// However calls end, each of them is settled once and takes notice of it once: where that were not so, callers would let each
// other run for ever, or sleep on what is there.
func TestCallsAreSettledAndTakeNotice(t *testing.T) {
	s, _ := sharing(t, func(r *Request) {
		switch r.Method {
		case "later":
			go r.Answer(Reply{Payload: r.Argument})
		case "never":
			ctx := r.Context()
			go func() {
				<-ctx.Done()
				r.Answer(ErrorReply(context.Canceled))
			}()
		default:
			r.Answer(Reply{Payload: r.Argument})
		}
	}, nil, nil)
	sizes := []int{0, shortPayload, shortPayload + 1, smallArgument + 1, 1000, largestRecord - 50, largestRecord + 1, segmentSize + 1}
	methods := []string{"now", "now", "now", "later", "never"}
	for round := range 40 {
		var callers sync.WaitGroup
		for n := range []int{1, 2, 8, 40}[round%4] {
			callers.Go(func() {
				for i := range 100 {
					ctx, cancel, method := context.Background(), context.CancelFunc(func() {}), methods[rand.IntN(len(methods))]
					if method == "never" || i%10 == 0 {
						ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(200))*time.Microsecond)
					}
					argument := bytes.Repeat([]byte{byte(n)}, sizes[rand.IntN(4+round%5)])
					got, err := s.Call(ctx, 0, method, argument)
					if cancel(); err == nil && !bytes.Equal(got.Payload, argument) || err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%d bytes for %d, %v", len(got.Payload), len(argument), err)
					}
				}
			})
		}
		callers.Wait()
		s.mu.Lock()
		if begun, settled := s.begun.Load(), s.settled.Load(); begun != settled || s.returned != settled || len(s.calls.all()) != 0 {
			t.Fatalf("%d calls have begun, %d were settled, and %d have taken notice", begun, settled, s.returned)
		}
		s.mu.Unlock()
	}
}
