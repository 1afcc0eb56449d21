package pool_test

import (
	"testing"

	"github.com/multiproc-go/multiproc/pool"
)

// One iteration is a Map of 64 payloads of 1 MiB, out and back, by one worker.
func BenchmarkEchoMap(b *testing.B) {
	p := newPool(b, &pool.Options{Workers: 1})
	payloads := make([][]byte, 64)
	for i := range payloads {
		payloads[i] = patterned(1<<20, i)
	}
	b.SetBytes(2 * 64 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := echo.Map(b.Context(), p, payloads); err != nil {
			b.Fatal(err)
		}
	}
}
