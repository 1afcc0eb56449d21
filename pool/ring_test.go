package pool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func newRing(size int) (*ringWriter, *ringReader) {
	ring := make([]byte, size)
	var tail, head atomic.Uint64
	return &ringWriter{ring: ring, tail: &tail, head: &head}, &ringReader{ring: ring, tail: &tail, head: &head}
}

// What is written to a ring is read from it, in order and whole, whatever the sizes and however far the reader
// lags behind.
func TestRingCarriesRecordsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := newRing(1 << 10)
		var expected [][]byte
		next := uint32(0)
		read := uint32(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "write") {
				payload := bytes.Repeat([]byte{byte(next)}, rapid.IntRange(0, w.largest()).Draw(t, "size"))
				room, err := w.reserve(len(payload), next)
				if err != nil {
					t.Fatal(err)
				}
				if room == nil {
					continue
				}
				copy(room, payload)
				w.publish()
				expected = append(expected, payload)
				next++
				continue
			}
			span, err := r.span()
			if err != nil {
				t.Fatal(err)
			}
			if len(span) == 0 {
				if len(expected) > 0 {
					t.Fatal("a published record is not there")
				}
				continue
			}
			rec, ok, err := firstRecord(span)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if rec.meta != read || !bytes.Equal(rec.payload, expected[0]) {
				t.Fatalf("record %d: got meta %d, %d bytes", read, rec.meta, len(rec.payload))
			}
			read++
			expected = expected[1:]
			r.release(rec.size)
		}
	})
}

// A record as large as largest always fits once the reader has taken everything before it.
func TestRingTakesTheLargestRecordWhenEmpty(t *testing.T) {
	w, r := newRing(1 << 10)
	for i := range 1000 {
		size := (i * 37) % (w.largest() + 1)
		room, err := w.reserve(size, 0)
		if err != nil || room == nil {
			t.Fatalf("record %d of %d bytes: no room (%v)", i, size, err)
		}
		w.publish()
		span, err := r.span()
		if err != nil {
			t.Fatal(err)
		}
		rec, ok, err := firstRecord(span)
		if err != nil || !ok || len(rec.payload) != size {
			t.Fatal(ok, err, len(rec.payload))
		}
		r.release(rec.size)
	}
}

// A reader trusts no word that the other process wrote.
func TestRingReaderRefusesCorruption(t *testing.T) {
	cases := map[string]func(w *ringWriter){
		"tail behind":         func(w *ringWriter) { w.tail.Store(0) },
		"tail too far":        func(w *ringWriter) { w.tail.Store(1 << 40) },
		"tail unaligned":      func(w *ringWriter) { w.tail.Store(w.tail.Load() + 3) },
		"length past the end": func(w *ringWriter) { binary.NativeEndian.PutUint32(w.ring[16:], 1<<20) },
		"length all ones":     func(w *ringWriter) { binary.NativeEndian.PutUint32(w.ring[16:], 1<<32-2) },
		"skip past the tail":  func(w *ringWriter) { binary.NativeEndian.PutUint32(w.ring[16:], skipRest) },
	}
	for name, corrupt := range cases {
		t.Run(name, func(t *testing.T) {
			w, r := newRing(1 << 10)
			for range 3 {
				if room, err := w.reserve(8, 1); err != nil || room == nil {
					t.Fatal(err)
				}
				w.publish()
				if w.position == 16 {
					span, _ := r.span()
					r.release(len(span))
				}
			}
			corrupt(w)
			span, err := r.span()
			if err == nil {
				_, _, err = firstRecord(span)
			}
			if !errors.Is(err, errCorrupt) {
				t.Fatalf("got %v, want errCorrupt", err)
			}
		})
	}
}

func TestRingWriterRefusesCorruption(t *testing.T) {
	w, _ := newRing(1 << 10)
	for range 3 {
		if _, err := w.reserve(200, 0); err != nil {
			t.Fatal(err)
		}
	}
	w.head.Store(1 << 30)
	for range 5 {
		if _, err := w.reserve(200, 0); err != nil {
			if errors.Is(err, errCorrupt) {
				return
			}
			t.Fatal(err)
		}
	}
	t.Fatal("a head ahead of the tail was believed")
}

// Whatever a ring holds, its reader neither panics nor loops.
func FuzzRingReader(f *testing.F) {
	w, _ := newRing(256)
	for i := range 5 {
		if room, _ := w.reserve(i*7, uint32(i)); room != nil {
			w.publish()
		}
	}
	f.Add(w.ring, uint64(0), w.position)
	f.Add(bytes.Repeat([]byte{0xff}, 256), uint64(0), uint64(256))
	f.Fuzz(func(t *testing.T, ring []byte, position, tail uint64) {
		if len(ring) < 256 {
			return
		}
		var tailWord, headWord atomic.Uint64
		tailWord.Store(tail)
		r := &ringReader{ring: ring[:256], tail: &tailWord, head: &headWord, position: position &^ 7}
		for range 64 {
			span, err := r.span()
			if err != nil || len(span) == 0 {
				return
			}
			rec, ok, err := firstRecord(span)
			if err != nil {
				return
			}
			if !ok {
				continue
			}
			if rec.size > len(span) || len(rec.payload) > rec.size {
				t.Fatalf("a record of %d bytes in a span of %d", rec.size, len(span))
			}
			r.release(rec.size)
		}
	})
}

func TestDequeIsASequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q deque[int]
		var model []int
		for i := range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				q.pushBack(i)
				model = append(model, i)
			case 2:
				q.pushFront(i)
				model = append([]int{i}, model...)
			case 3:
				if len(model) > 0 {
					if got := q.popFront(); got != model[0] {
						t.Fatalf("popFront %d, want %d", got, model[0])
					}
					model = model[1:]
				}
			case 4:
				q.remove(func(v int) bool { return v%3 == 0 })
				kept := model[:0:0]
				for _, v := range model {
					if v%3 != 0 {
						kept = append(kept, v)
					}
				}
				model = kept
			}
			var got []int
			for i := range q.len() {
				got = append(got, *q.at(i))
			}
			if fmt.Sprint(got) != fmt.Sprint(model) {
				t.Fatalf("got %v, want %v", got, model)
			}
		}
	})
}

func BenchmarkRing(b *testing.B) {
	w, r := newRing(ringBytes)
	b.ReportAllocs()
	for b.Loop() {
		room, _ := w.reserve(8, 0)
		binary.NativeEndian.PutUint64(room, 1)
		w.publish()
		span, _ := r.span()
		rec, _, _ := firstRecord(span)
		r.release(rec.size)
	}
}
