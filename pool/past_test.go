package pool

import (
	"bytes"
	"testing"
)

// A copy past the caches is a copy, wherever it begins and ends, and changes nothing beside it.
func TestCopyPastCopies(t *testing.T) {
	const margin = 130
	source := make([]byte, 1<<12)
	for i := range source {
		source[i] = byte(i*7>>3) | 1
	}
	for _, size := range []int{0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 1000, 3000} {
		for shift := range 66 {
			memory := make([]byte, margin+size+margin)
			view := source[shift*5 : shift*5+size]
			copyPast(memory[shift:shift+size], view)
			want := append(append(make([]byte, shift), view...), make([]byte, 2*margin-shift)...)
			if !bytes.Equal(memory, want) {
				t.Fatalf("%d bytes to place %d differ, or something beside them has changed", size, shift)
			}
		}
	}
}
