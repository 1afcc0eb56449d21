package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// trouble says what becomes of the attempts of a task before the one that succeeds.
type trouble struct {
	How   string // kill, fail, hang, heed, hoard
	Until int    // the first attempt that succeeds
	Lock  string // a file that a descendant of each attempt keeps locked as long as it lives
	Begun string // a file that grows by a byte with each attempt
}

var troubled = pool.RegisterNamed("test.troubled", func(ctx context.Context, t trouble) (int, error) {
	attempt := pool.Attempt(ctx)
	if t.Begun != "" {
		if err := writeInitializer(ctx, t.Begun); err != nil {
			return 0, err
		}
	}
	if t.Lock != "" {
		if err := descend(t.Lock); err != nil {
			return attempt, fmt.Errorf("attempt %d: %w", attempt, err)
		}
	}
	if attempt >= t.Until {
		return attempt, nil
	}
	switch t.How {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "hang":
		select {}
	case "heed":
		<-ctx.Done()
		return 0, ctx.Err()
	case "hoard":
		_ = hoard(256 << 20)
		<-ctx.Done()
	}
	return 0, fmt.Errorf("attempt %d: %w", attempt, errSentinel)
})

// errNotAlone says that something of an earlier attempt is there.
var errNotAlone = errors.New("an earlier attempt is still there")

func init() { pool.RegisterError("test.notAlone", errNotAlone) }

// descend leaves a process in a session of its own that keeps a lock, and fails if another has it.
func descend(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(errNotAlone, err)
	}
	c := exec.Command("sleep", uncommonTime)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	c.ExtraFiles = []*os.File{file}
	return c.Start()
}

// soon is a policy that covers everything and does not wait long.
var soon = pool.Retry{
	Attempts: 4, Initial: time.Nanosecond, Max: time.Microsecond,
	On: []pool.Outcome{pool.Lost, pool.TimedOut, pool.OutOfMemory, pool.Failed},
}

// A task that its function's user has declared idempotent is run again after each kind of end, and only when nothing of the
// attempt before is left; its caller sees a value, or how many attempts there were and the last error.
func TestRetry(t *testing.T) {
	policy := soon
	policy.If = func(err error) bool { return !errors.Is(err, errNotAlone) } // so that such an attempt is the last
	for how, last := range map[string]error{"kill": nil, "hang": pool.ErrTaskTimeout, "heed": pool.ErrTaskTimeout, "hoard": pool.ErrMemoryLimit, "fail": errSentinel} {
		t.Run(how, func(t *testing.T) {
			o := &pool.Options{Workers: 2, Grace: 50 * time.Millisecond, Retry: &policy}
			retried := troubled.Idempotent()
			switch how {
			case "hang", "heed":
				retried = retried.WithTimeout(300 * time.Millisecond) // and no attempt that would succeed takes that long
			case "hoard":
				o.MaxMemory = 128 << 20
			}
			p := newPool(t, o)
			job := trouble{How: how, Until: 3}
			if how != "fail" { // a task that has returned may leave something behind
				job.Lock = filepath.Join(t.TempDir(), "lock")
			}
			if got, err := retried.Apply(t.Context(), p, job); err != nil || got != 3 {
				t.Fatalf("it succeeded at attempt %d: %v", got, err)
			}
			job.Until = 9
			job.Lock += "2"
			if how == "fail" {
				job.Lock = ""
			}
			_, err := retried.Apply(t.Context(), p, job)
			var again *pool.RetryError
			if !errors.As(err, &again) || again.Attempts != 4 || !strings.Contains(err.Error(), "after 4 attempts") {
				t.Fatal(err)
			}
			var lost *pool.WorkerLostError
			if last != nil && !errors.Is(err, last) || last == nil && (!errors.As(err, &lost) || lost.Signal != syscall.SIGKILL) {
				t.Fatal(err)
			}
			if s := p.Stats(); s.Retries != 5 || s.Submitted != 2 || s.Done != 1 || s.Pending != 0 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// What nobody has declared idempotent, and what the policy does not cover, is run once.
func TestRetryIsNotForAll(t *testing.T) {
	policy := soon
	policy.On = nil
	p := newPool(t, &pool.Options{Workers: 2, Retry: &policy})
	unless := policy
	unless.On, unless.If = soon.On, func(err error) bool { return !errors.Is(err, errSentinel) }
	for name, once := range map[string]struct {
		f   *pool.Function[trouble, int]
		how string
	}{
		"not declared":     {troubled, "kill"},
		"another outcome":  {troubled.Idempotent(), "fail"},
		"a single attempt": {troubled.WithRetry(pool.Retry{Attempts: 1}), "kill"},
		"excluded by If":   {troubled.WithRetry(unless), "fail"},
	} {
		begun := filepath.Join(t.TempDir(), "begun")
		_, err := once.f.Apply(t.Context(), p, trouble{How: once.how, Until: 3, Begun: begun})
		if runs, fault := os.ReadFile(begun); err == nil || fault != nil || len(runs) != 1 || errors.As(err, new(*pool.RetryError)) {
			t.Errorf("%s: run %d times: %v, %v", name, len(runs), err, fault)
		}
	}
	if s := p.Stats(); s.Retries != 0 {
		t.Errorf("%+v", s)
	}
}

// Bad policies are refused with all their faults, before anything is started.
func TestRetryOptions(t *testing.T) {
	bad := pool.Retry{Attempts: -1, Initial: 2, Max: 1, Factor: 0.5, On: []pool.Outcome{pool.Done}}
	_, made := pool.New(t.Context(), &pool.Options{Retry: &bad})
	p := newPool(t, &pool.Options{Workers: 1})
	f := double.WithRetry(bad)
	_, applied := f.Apply(t.Context(), p, 1)
	_, mapped := f.Map(t.Context(), p, []int{1})
	var iterated error
	for _, err := range f.IMap(t.Context(), p, count(3)).All() {
		iterated = err
	}
	for _, err := range []error{made, applied, mapped, iterated} {
		for _, word := range []string{"Attempts", "Max", "Factor", `"done"`} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%v does not name %s", err, word)
			}
		}
	}
	if s := p.Stats(); s.Submitted != 0 {
		t.Errorf("%+v", s)
	}
}

// Each failing task of a Map or an Iterator is run again by itself, and the order stays.
func TestRetryOfMany(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	f := troubled.WithRetry(soon)
	inputs := make([]trouble, 60)
	for i := range inputs {
		inputs[i] = trouble{How: "fail", Until: 1 + i%3}
		if i%20 == 7 {
			inputs[i].How = "kill"
		}
	}
	check := func(i, got int, err error) {
		if err != nil || got != inputs[i].Until {
			t.Errorf("task %d: attempt %d, %v", i, got, err)
		}
	}
	results, err := f.Map(t.Context(), p, inputs)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range results {
		check(i, got, nil)
	}
	n := 0
	for r := range f.IMap(t.Context(), p, func(yield func(trouble) bool) {
		for _, input := range inputs {
			if !yield(input) {
				return
			}
		}
	}).Results() {
		check(r.Index, r.Value, r.Err)
		if r.Index != n {
			t.Errorf("result %d came as the %d.", r.Index, n)
		}
		n++
	}
	if s := p.Stats(); n != 60 || s.Retries != 120 || s.Done != 120 {
		t.Fatalf("%d results, %+v", n, s)
	}
}

// long is a policy whose back-off nobody waits out.
var long = pool.Retry{Initial: time.Hour, Max: time.Hour}

// resting submits a task that waits for its second attempt.
func resting(t *testing.T, ctx context.Context, p *pool.Pool) *pool.AsyncResult[int] {
	t.Helper()
	r, err := troubled.WithRetry(long).ApplyAsync(ctx, p, trouble{How: "kill", Until: 2})
	if err != nil {
		t.Fatal(err)
	}
	awaitStats(t, p, func(s pool.Stats) bool { return s.Resting == 1 && s.Pending == 1 })
	return r
}

// A task that waits for its next attempt ends with its caller's wish at once, and with the pool.
func TestRetryEndsInItsBackOff(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	r := resting(t, t.Context(), p)
	r.Cancel()
	if _, err := get(t, r); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	r = resting(t, ctx, p)
	cancel(errSentinel)
	if _, err := get(t, r); !errors.Is(err, errSentinel) {
		t.Fatal(err)
	}
	r = resting(t, t.Context(), p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, r); !errors.Is(err, pool.ErrClosed) {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Cancelled != 2 || s.Abandoned != 1 || s.Pending != 0 || s.Resting != 0 {
		t.Fatalf("%+v", s)
	}
}

// Shutdown waits for tasks that are to be run again, as long as it may.
func TestShutdownWaitsForRetries(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	policy := pool.Retry{Initial: 200 * time.Millisecond}
	r, err := troubled.WithRetry(policy).ApplyAsync(t.Context(), p, trouble{How: "kill", Until: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := get(t, r); err != nil || got != 3 {
		t.Fatal(got, err)
	}

	p = newPool(t, &pool.Options{Workers: 1})
	r = resting(t, t.Context(), p)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if _, err := get(t, r); !errors.Is(err, pool.ErrClosed) {
		t.Fatal(err)
	}
}

func ExampleFunction_WithRetry() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	// flaky takes its worker with it at its first two attempts. It writes nothing, so it may run again.
	careful := flaky.WithRetry(pool.Retry{Attempts: 5, Initial: time.Millisecond, On: []pool.Outcome{pool.Lost, pool.TimedOut}})
	fmt.Println(careful.Apply(ctx, p, 0))

	_, err = flaky.WithRetry(pool.Retry{Attempts: 2, Initial: time.Millisecond}).Apply(ctx, p, 0)
	var again *pool.RetryError
	var lost *pool.WorkerLostError
	fmt.Println(errors.As(err, &again) && errors.As(err, &lost), again.Attempts, lost.ExitCode)
	// Output:
	// attempt 3 <nil>
	// true 2 3
}

var flaky = pool.RegisterNamed("example.flaky", func(ctx context.Context, _ int) (string, error) {
	if pool.Attempt(ctx) < 3 {
		os.Exit(3)
	}
	return fmt.Sprintf("attempt %d", pool.Attempt(ctx)), nil
})

var attempts = pool.RegisterNamed("test.attempts", func(ctx context.Context, _ int) (int, error) { return pool.Attempt(ctx), nil })

// A task that is not run again has its first attempt, however it travels.
func TestAttemptIsTheFirst(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	numbers, err := attempts.Map(t.Context(), p, make([]int, 1000))
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range numbers {
		if n != 1 {
			t.Fatalf("task %d of a Map: attempt %d", i, n)
		}
	}
	if n, err := attempts.Idempotent().Apply(t.Context(), p, 0); n != 1 || err != nil {
		t.Errorf("a task of its own: attempt %d, %v", n, err)
	}
	if n := pool.Attempt(t.Context()); n != 0 {
		t.Errorf("no task: attempt %d", n)
	}
}
