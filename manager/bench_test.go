package manager_test

import (
	"testing"

	"github.com/multiproc-go/multiproc/manager"
)

// benchmarkCalls measures calls of a method of an object in a manager's process.
func benchmarkCalls(b *testing.B, typeName, method string, parallel int) {
	m := must(manager.Start(b.Context(), nil))
	defer m.Close()
	p := must(manager.Create(b.Context(), m, typeName, nil, nil))
	defer p.Close()
	must(p.Invoke(b.Context(), method, []byte{1}))
	b.ReportAllocs()
	if parallel == 1 {
		for b.Loop() {
			must(p.Invoke(b.Context(), method, []byte{1}))
		}
		return
	}
	b.SetParallelism(parallel)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			must(p.Invoke(b.Context(), method, []byte{1}))
		}
	})
}

func BenchmarkCall(b *testing.B)      { benchmarkCalls(b, "bench", "Add", 1) }
func BenchmarkCallFrom8(b *testing.B) { benchmarkCalls(b, "bench", "Add", 8) }

func BenchmarkGoCall(b *testing.B) {
	m := must(manager.Start(b.Context(), nil))
	defer m.Close()
	p := must(ledgers.New(b.Context(), m, "Ann", nil))
	defer p.Close()
	b.ReportAllocs()
	for b.Loop() {
		must(manager.Call[float64](b.Context(), p, "Sum", 1.0, 2.0))
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		m := must(manager.Start(b.Context(), nil))
		if err := m.Shutdown(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	m := must(manager.Start(b.Context(), nil))
	defer m.Close()
	b.ReportAllocs()
	for b.Loop() {
		must(manager.Create(b.Context(), m, "bench", nil, nil)).Close()
	}
}

// A counter only counts.
type counter struct{}

func init() {
	manager.RegisterType(manager.Type{
		Name: "bench", Methods: []string{"Add"},
		New: func([]byte, *manager.Host) (manager.Object, error) { return counter{}, nil },
	})
}

func (counter) Call(c *manager.Request) { c.Return(c.Argument) }
