package wire

import (
	"context"
	"testing"
)

func BenchmarkCall(b *testing.B) {
	for _, size := range []int{16, 1 << 20} {
		for name, h := range map[string]Handler{"goroutine": method, "at once": func(r *Request) { r.Answer(carryOut(b.Context(), r)) }} {
			argument := make([]byte, size)
			b.Run(name+"/"+map[int]string{16: "16B", 1 << 20: "1MiB"}[size], func(b *testing.B) {
				near, far := connPair(b, 64<<20)
				s := serve(b, near, far, h, nil, nil)
				b.ReportAllocs()
				b.SetBytes(int64(2 * size))
				for b.Loop() {
					if _, err := s.Call(context.Background(), 0, "echo", argument); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	b.Run("parallel", func(b *testing.B) {
		s := dialled(b, nil, nil)
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := s.Call(context.Background(), 0, "echo", nil); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
