package wire

import "testing"

func benchmarkCodec[T any](b *testing.B, v T) {
	c, err := CodecOf[T]()
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	encoded, err := c.Append(nil, &v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			if buf, err = c.Append(buf[:0], &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(encoded)))
		var out T
		for b.Loop() {
			if err := c.Decode(encoded, &out); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type benchmarkRecord struct {
	Name  string
	Size  int64
	Parts []string
	Next  *benchmarkRecord
}

func BenchmarkCodec(b *testing.B) {
	b.Run("int", func(b *testing.B) { benchmarkCodec(b, 1_234_567) })
	b.Run("smallint", func(b *testing.B) { benchmarkCodec(b, 42) })
	b.Run("string", func(b *testing.B) { benchmarkCodec(b, "/usr/share/doc/README") })
	b.Run("ints", func(b *testing.B) { benchmarkCodec(b, make([]int, 1000)) })
	b.Run("floats", func(b *testing.B) { benchmarkCodec(b, make([]float64, 1000)) })
	b.Run("bytes", func(b *testing.B) { benchmarkCodec(b, make([]byte, 1<<20)) })
	b.Run("map", func(b *testing.B) { benchmarkCodec(b, map[string]int{"a": 1, "b": 2, "c": 3}) })
	b.Run("struct", func(b *testing.B) {
		benchmarkCodec(b, benchmarkRecord{Name: "x", Size: 99, Parts: []string{"a", "b"}, Next: &benchmarkRecord{}})
	})
}
