package pool

import (
	"context"
	"testing"
)

// Whatever stands where a trace should, the task has a context.
func FuzzExtractTrace(f *testing.F) {
	f.Add(injectTrace(WithTrace(context.Background(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b")))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		parent, state := Trace(extractTrace(context.Background(), encoded))
		if parent == "" {
			return
		}
		again := injectTrace(WithTrace(context.Background(), parent, state))
		if again == nil { // it has become too long
			return
		}
		if p, s := Trace(extractTrace(context.Background(), again)); p != parent || s != state {
			t.Fatalf("%q and %q became %q and %q", parent, state, p, s)
		}
	})
}

// A record that should begin with a trace, and does not, is corrupt.
func TestCutTraceOfACorruptRecord(t *testing.T) {
	for _, record := range [][]byte{nil, {1, 0}, {2, 0, 0, 0, 1}, {255, 255, 255, 255, 1}} {
		if _, _, err := cutTrace(t.Context(), record); err == nil {
			t.Errorf("% x was taken", record)
		}
	}
}
