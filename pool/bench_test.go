package pool_test

import (
	"testing"

	"github.com/multiproc-go/multiproc/pool"
)

func BenchmarkApply(b *testing.B) {
	p := newPool(b, &pool.Options{Workers: 1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := double.Apply(b.Context(), p, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// One iteration is a Map of 200,000 ints over two workers.
func BenchmarkMap(b *testing.B) {
	p := newPool(b, &pool.Options{Workers: 2})
	inputs := make([]int, 200_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := double.Map(b.Context(), p, inputs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(inputs))*float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

// One iteration is one task of a stream over two workers.
func BenchmarkIMapUnordered(b *testing.B) {
	p := newPool(b, &pool.Options{Workers: 2})
	b.ReportAllocs()
	n := 0
	for _, err := range double.IMapUnordered(b.Context(), p, func(yield func(int) bool) {
		for b.Loop() {
			n++
			if !yield(n) {
				return
			}
		}
	}).All() {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tasks/s")
}

// One iteration sends 1 MiB out and back.
func BenchmarkEcho(b *testing.B) {
	p := newPool(b, &pool.Options{Workers: 1})
	payload := make([]byte, 1<<20)
	b.SetBytes(2 * int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := echo.Apply(b.Context(), p, payload); err != nil {
			b.Fatal(err)
		}
	}
}

// One iteration starts a pool of 8, has an answer of each, and ends it.
func BenchmarkPoolOf8(b *testing.B) {
	for b.Loop() {
		p := newPool(b, &pool.Options{Workers: 8})
		if _, err := workerPID.Map(b.Context(), p, make([]struct{}, 8)); err != nil {
			b.Fatal(err)
		}
		if err := p.Shutdown(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
