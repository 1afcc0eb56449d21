package pool

import (
	"context"
	"runtime"
)

// RegisteredForBenchmark is a function that the benchmarks inside the package run.
var RegisteredForBenchmark = RegisterNamed("bench.double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })

// StopTaking has a handle that waits for nothing submit without taking any results, until resume is called.
func StopTaking(h *Hosted) (resume func()) {
	s := h.use()
	a, err := s.attach(context.Background())
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.listening {
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
	s.listening = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.callbacks++
		go s.listen(a)
	}
}

// Ended returns a channel that is closed when the pool has no workers any more.
func Ended(p *Pool) <-chan struct{} { return p.ended }

// AnonymousFile makes a file in memory that has no name and cannot change its size.
var AnonymousFile = anonymousFile
