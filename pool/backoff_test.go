package pool

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// lastOutcome keeps the outcome of a task.
type lastOutcome struct{ outcome }

func (s *lastOutcome) settle(_ int, o outcome) { s.outcome = o }

// idlePool is a pool without workers, with a job of one task that was taken from its queue.
func idlePool(r Retry) (*Pool, *job, *lastOutcome) {
	o, err := (&Options{}).withDefaults()
	if err != nil {
		panic(err)
	}
	s := &lastOutcome{}
	p := &Pool{options: o, quiet: make(chan struct{}), submitted: 1, inflight: 1}
	return p, &job{pool: p, entry: &entry{name: "f"}, retry: r.complete(), sink: s}, s
}

// waiting takes the task from the queue again, if it is there.
func (p *Pool) waiting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queue.len() == 0 {
		return false
	}
	_, ok := p.popLocked()
	p.inflight++
	return ok
}

// Each back-off is between half of its length and all of it, grows by the factor, and not beyond its maximum.
func TestBackOffTiming(t *testing.T) {
	lost := errors.New("lost")
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			p, j, s := idlePool(Retry{Attempts: 5, Initial: time.Second, Factor: 3, Max: 20 * time.Second})
			for attempt, whole := range []time.Duration{time.Second, 3 * time.Second, 9 * time.Second, 20 * time.Second} {
				if got := j.attempt(0); got != attempt+1 {
					t.Fatalf("attempt %d is counted as %d", attempt+1, got)
				}
				p.settle([]verdict{{task: task{job: j}, outcome: outcome{kind: Lost, err: lost}}})
				<-time.After(whole/2 - 1)
				synctest.Wait()
				if p.waiting() {
					t.Fatalf("attempt %d came before %v", attempt+2, whole/2)
				}
				<-time.After(whole/2 + 1)
				synctest.Wait()
				if !p.waiting() {
					t.Fatalf("attempt %d did not come within %v", attempt+2, whole)
				}
			}
			p.settle([]verdict{{task: task{job: j}, outcome: outcome{kind: Lost, err: lost}}})
			var again *RetryError
			if !errors.As(s.err, &again) || again.Attempts != 5 || !errors.Is(s.err, lost) {
				t.Fatal(s.err)
			}
			if p.inflight != 0 || p.outcomes[Lost] != 1 || p.retries != 4 || p.rests != 0 || len(p.resting) != 0 || len(j.attempts) != 0 {
				t.Fatalf("%+v", p)
			}
		})
	}
}

// Jitter spreads what failed together.
func TestBackOffIsSpread(t *testing.T) {
	r := (&Retry{Initial: time.Second}).complete()
	seen := map[time.Duration]bool{}
	for range 100 {
		d := r.backOff(1)
		if d < r.Initial/2 || d > r.Initial {
			t.Fatal(d)
		}
		seen[d/(10*time.Millisecond)] = true
	}
	if len(seen) < 20 {
		t.Fatalf("100 back-offs fell into %d of 50 places", len(seen))
	}
	if d := r.backOff(10_000); d < r.Max/2 || d > r.Max {
		t.Fatal(d)
	}
}

// A task that is cancelled while it waits for its third attempt has an error that says how many there were.
func TestCancelledBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, j, s := idlePool(Retry{Attempts: 9, Initial: time.Second})
		for range 2 {
			p.settle([]verdict{{task: task{job: j}, outcome: outcome{kind: Lost, err: errors.New("lost")}}})
			<-time.After(2 * time.Second)
			synctest.Wait()
			p.waiting()
		}
		p.settle([]verdict{{task: task{job: j}, outcome: outcome{kind: Lost, err: errors.New("lost")}}})
		j.cancel(errCancelled)
		var again *RetryError
		if !errors.As(s.err, &again) || again.Attempts != 3 || !errors.Is(s.err, errCancelled) || s.kind != Cancelled {
			t.Fatal(s.outcome)
		}
		if p.inflight != 0 || p.outcomes[Cancelled] != 1 || p.rests != 0 {
			t.Fatalf("%+v", p)
		}
	})
}
