package pool

import (
	"syscall"
	"testing"
	"time"
)

// Whoever has got hold of a worker before it was gone finds nothing any more, and touches no memory that was given back.
func TestWorkerThatIsGone(t *testing.T) {
	p, err := New(t.Context(), &Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	l := p.seats[0].link.Load()
	for l == nil {
		<-time.After(time.Millisecond)
		l = p.seats[0].link.Load()
	}
	if err := syscall.Kill(l.process.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-l.vacated
	if err := p.Close(); err != nil { // waits for clear
		t.Fatal(err)
	}
	if n := l.hear(); n != 0 {
		t.Errorf("it has reported %d times", n)
	}
	if s := l.stats(); s.State != Leaving || s.Function != "" {
		t.Errorf("%+v", s)
	}
	l.cancel(&job{pool: p}, errCancelled)
	l.fill()
	l.tick()
	l.trim()
	l.outgrow()
	l.replace()
	if l.release(ExitResized, false) || l.exceed(&MemoryLimitError{}) {
		t.Error("it can be ended again")
	}
}
