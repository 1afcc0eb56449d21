package wire

import (
	"bytes"
	"testing"
)

// A copy of bytes is equal to them, nobody else's, and no longer, whatever their size and place.
func TestCloneBytesCopies(t *testing.T) {
	source := make([]byte, 2*bulkBlock+2*bulkStep)
	for i := range source {
		source[i] = byte(i * 7 >> 3)
	}
	for _, size := range []int{
		0, 1, bulkLeast - 1, bulkLeast, bulkLeast + 1, 3*bulkStep + 5, bulkBlock - 1, bulkBlock, bulkBlock + 1, 2*bulkBlock + bulkStep + 3,
	} {
		for _, from := range []int{0, 5, 4096} {
			view := source[from : from+size]
			made := CloneBytes(view)
			if made == nil || !bytes.Equal(made, view) {
				t.Fatalf("%d bytes from %d on differ from their copy", size, from)
			}
			if size == 0 {
				continue
			}
			made[0]++
			made[size-1]++
			grown := append(made, 1)
			if bytes.Equal(made, view) || view[0] != source[from] || source[from] != byte(from*7>>3) || len(grown) != size+1 {
				t.Fatalf("%d bytes from %d on share memory with their copy", size, from)
			}
		}
	}
}
