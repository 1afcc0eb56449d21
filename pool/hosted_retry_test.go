package pool_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/multiproc-go/multiproc/pool"
)

// The pool's policy and a function's own travel to the manager, where tasks are run again; their errors come back with the
// number of attempts and the last cause.
func TestHostedRetry(t *testing.T) {
	m := newManager(t)
	policy := soon
	h := newHosted(t, m, &pool.Options{Workers: 2, Retry: &policy})
	kill := trouble{How: "kill", Until: 3}
	if got, err := troubled.Idempotent().Apply(t.Context(), h, kill); err != nil || got != 3 {
		t.Fatal(got, err)
	}
	var lost *pool.WorkerLostError
	if _, err := troubled.Apply(t.Context(), h, kill); !errors.As(err, &lost) || errors.As(err, new(*pool.RetryError)) {
		t.Fatal(err)
	}
	own := soon
	own.Attempts = 2
	f := troubled.WithRetry(own)
	var again *pool.RetryError
	lost = nil
	if _, err := f.Apply(t.Context(), h, kill); !errors.As(err, &again) || again.Attempts != 2 || !errors.As(err, &lost) {
		t.Fatal(err)
	}
	fail := trouble{How: "fail", Until: 3}
	results, err := f.Map(t.Context(), h, []trouble{{Until: 1}, fail, {How: "fail", Until: 2}})
	var failed *pool.MapError
	if !errors.As(err, &failed) || len(failed.Failed) != 1 || !errors.Is(err, errSentinel) || !errors.As(err, &again) {
		t.Fatal(err)
	}
	if results[0] != 1 || results[2] != 2 {
		t.Fatal(results)
	}
	shared, err := f.ApplyShared(t.Context(), h, trouble{How: "kill", Until: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	if got, err := shared.Get(t.Context()); err != nil || got != 2 {
		t.Fatal(got, err)
	}
	if s := hostedStats(t, h); s.Retries != 6 || s.Pending != 0 {
		t.Fatalf("%+v", s)
	}
}

// A predicate cannot travel, and is refused before anything is sent.
func TestHostedRetryPredicates(t *testing.T) {
	m := newManager(t)
	policy := soon
	policy.If = func(error) bool { return true }
	if _, err := pool.NewHosted(t.Context(), m, &pool.Options{Retry: &policy}, nil); err == nil || !strings.Contains(err.Error(), "Retry.If") {
		t.Fatal(err)
	}
	h := newHosted(t, m, &pool.Options{Workers: 1})
	if _, err := troubled.WithRetry(policy).Apply(t.Context(), h, trouble{}); err == nil || !strings.Contains(err.Error(), "WithRetry.If") {
		t.Fatal(err)
	}
	if s := hostedStats(t, h); s.Submitted != 0 {
		t.Fatalf("%+v", s)
	}
}
