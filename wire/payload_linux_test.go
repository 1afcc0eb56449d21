package wire

import (
	"bytes"
	"context"
	"slices"
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
