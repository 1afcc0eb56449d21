package wire_test

import (
	"slices"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// Numbers are fixed, and arrive as they were; what has methods, or may be wrong in memory, is not.
func TestFixedNumbersArrive(t *testing.T) {
	ints, err := wire.CodecOf[int16]()
	if err != nil || ints.Fixed() != 2 {
		t.Fatal(err, ints.Fixed())
	}
	sent := []int16{1, -2, 300}
	received := make([]int16, 3)
	if n := ints.CopyFixed(received, ints.AppendFixed(nil, sent)); n != 6 || !slices.Equal(received, sent) {
		t.Fatal(n, received)
	}
	bools, _ := wire.CodecOf[bool]()
	strings, _ := wire.CodecOf[string]()
	times, _ := wire.CodecOf[time.Time]()
	if bools.Fixed() != 0 || strings.Fixed() != 0 || times.Fixed() != 0 {
		t.Fatal("a type is fixed that is no number")
	}
	defer func() {
		if recover() == nil {
			t.Fatal("a string's memory was sent")
		}
	}()
	strings.AppendFixed(nil, []string{"a"})
}
