package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/pool"
)

const mebibyte = 1 << 20

// hoard takes so many bytes of memory.
func hoard(n int) []byte {
	kept := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		kept[i] = 1
	}
	return kept
}

var (
	hoards = pool.RegisterNamed("test.hoards", func(ctx context.Context, n int) (int, error) {
		kept := hoard(n)
		<-ctx.Done()
		runtime.KeepAlive(kept)
		return 0, ctx.Err()
	})
	uses = pool.RegisterNamed("test.uses", func(_ context.Context, n int) (int, error) { return len(hoard(n)), nil })

	// childHoards has a child in a session of its own do it, which leaves a child behind that waits.
	childHoards = pool.RegisterNamed("test.childHoards", func(ctx context.Context, n int) (string, error) {
		script := fmt.Sprintf("sleep %[2]s & x=$(head -c %[1]d /dev/zero | tr '\\0' x); sleep %[2]s", n, uncommonTime)
		c := exec.Command("/bin/sh", "-c", script)
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return "", c.Run()
	})

	// sharers starts processes that all map the same memory, and returns what they were seen to use.
	sharers = pool.RegisterNamed("test.sharers", func(ctx context.Context, n int) (int, error) {
		file, err := pool.AnonymousFile("shared", n)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		for range 4 {
			c := exec.CommandContext(ctx, os.Args[0])
			c.Env = append(os.Environ(), mapsVariable+"=1")
			c.ExtraFiles = []*os.File{file}
			out, err := c.StdoutPipe()
			if err != nil {
				return 0, err
			}
			if err := c.Start(); err != nil {
				return 0, err
			}
			defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
			if _, err := out.Read(make([]byte, 1)); err != nil {
				return 0, err
			}
		}
		select {
		case <-time.After(500 * time.Millisecond): // the sampler looks at them some times
		case <-ctx.Done():
		}
		return n, nil
	})
	softLimit = pool.RegisterNamed("test.softLimit", func(context.Context, int) (int64, error) {
		if env := os.Getenv("GOMEMLIMIT"); env != "" {
			return 0, fmt.Errorf("commands inherit GOMEMLIMIT=%s", env)
		}
		return debug.SetMemoryLimit(-1), nil
	})
)

// uncommonTime is how many seconds the children of childHoards sleep, and nobody else's.
const uncommonTime = "86399.8642"

// sleepers returns the processes that sleep for so long.
func sleepers(t *testing.T) (found []string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range lines {
		if line, err := os.ReadFile(path); err == nil && strings.Contains(string(line), uncommonTime) {
			found = append(found, path)
		}
	}
	return found
}

// mapsVariable makes the test binary map descriptor 3, touch all of it, say so and wait.
const mapsVariable = "POOL_TEST_MAPS"

func mapShared() {
	var st unix.Stat_t
	if err := unix.Fstat(3, &st); err != nil {
		panic(err)
	}
	memory, err := unix.Mmap(3, 0, int(st.Size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(memory); i += 4096 {
		memory[i]++
	}
	fmt.Print("x")
	select {}
}

// overLimit checks that err is the verdict about a task of the function, and returns it.
func overLimit(t *testing.T, err error, function string, limit int64) *pool.MemoryLimitError {
	t.Helper()
	var excess *pool.MemoryLimitError
	if !errors.Is(err, pool.ErrMemoryLimit) || !errors.As(err, &excess) {
		t.Fatalf("got %v", err)
	}
	if excess.Used <= limit || excess.Limit != limit || excess.PID == 0 || excess.Mechanism != pool.MemorySampling ||
		excess.Function != function || !strings.Contains(err.Error(), function) {
		t.Errorf("got %+v", excess)
	}
	return excess
}

func TestMemoryLimit(t *testing.T) {
	const limit = 100 * mebibyte
	p := newPool(t, &pool.Options{Workers: 2, MaxMemory: limit})
	if s := p.Stats(); s.Memory != pool.MemorySampling {
		t.Errorf("mechanism %q", s.Memory)
	}
	_, err := hoards.Apply(t.Context(), p, 200*mebibyte)
	first := overLimit(t, err, "test.hoards", limit)
	_, err = childHoards.Apply(t.Context(), p, 200*mebibyte)
	overLimit(t, err, "test.childHoards", limit)
	hostedEventually(t, "nothing is left of the tree", func() bool { return len(sleepers(t)) == 0 })
	if got, err := uses.Apply(t.Context(), p, 4*mebibyte); err != nil || got != 4*mebibyte {
		t.Errorf("a task below the limit: %d, %v", got, err)
	}
	for _, w := range p.Stats().Workers {
		if w.PID == first.PID {
			t.Errorf("worker %d goes on", w.PID)
		}
	}
	if s := p.Stats(); s.OutOfMemory != 2 || s.Done != 1 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
}

// Ten workers hold far more together than each may, and none is disturbed; those that hold too much are ended, and
// nobody else.
func TestMemoryLimitIsEachWorkersOwn(t *testing.T) {
	const limit = 100 * mebibyte
	p := newPool(t, &pool.Options{Workers: 10, MaxMemory: limit, TaskTimeout: time.Minute})
	inputs := make([]int, 40)
	for i := range inputs {
		inputs[i] = 4 * mebibyte
		if i%10 == 3 {
			inputs[i] = -200 * mebibyte
		}
	}
	_, err := usesOrHoards.Map(t.Context(), p, inputs)
	var failed *pool.MapError
	if !errors.As(err, &failed) || len(failed.Failed) != 4 {
		t.Fatalf("got %v", err)
	}
	for _, f := range failed.Failed {
		if f.Index%10 != 3 {
			t.Errorf("task %d: %v", f.Index, f.Err)
		}
		overLimit(t, f.Err, "test.usesOrHoards", limit)
	}
	if s := p.Stats(); s.OutOfMemory != 4 || s.Done != 36 {
		t.Errorf("%+v", s)
	}
}

var usesOrHoards = pool.RegisterNamed("test.usesOrHoards", func(ctx context.Context, n int) (int, error) {
	kept := hoard(max(n, -n))
	if n < 0 {
		<-ctx.Done()
	}
	runtime.KeepAlive(kept)
	return n, nil
})

// Memory that several processes of a tree share counts once.
func TestMemorySharedCountsOnce(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, MaxMemory: 256 * mebibyte})
	if got, err := sharers.Apply(t.Context(), p, 64*mebibyte); err != nil || got != 64*mebibyte {
		t.Errorf("five processes share 64 MiB: %d, %v", got, err)
	}
}

// A worker that holds too much while it has nothing to do is replaced, and nobody gets an error.
func TestMemoryOfIdleWorker(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, MaxMemory: 100 * mebibyte})
	before := p.Stats().Workers[0].PID
	if _, err := keepsLater.Apply(t.Context(), p, 200*mebibyte); err != nil {
		t.Fatal(err)
	}
	hostedEventually(t, "the worker is replaced", func() bool {
		w := p.Stats().Workers[0]
		return w.State == pool.Idle && w.PID != before
	})
	if got, err := double.Apply(t.Context(), p, 2); err != nil || got != 4 {
		t.Errorf("the next worker: %d, %v", got, err)
	}
	if s := p.Stats(); s.Done != 2 || s.OutOfMemory != 0 {
		t.Errorf("%+v", s)
	}
}

var (
	kept []byte
	// keepsLater returns before it does that.
	keepsLater = pool.RegisterNamed("test.keepsLater", func(_ context.Context, n int) (int, error) {
		time.AfterFunc(50*time.Millisecond, func() { kept = hoard(n) })
		return 0, nil
	})
)

// Workers that are too large before they run anything break the pool instead of being replaced for ever.
func TestMemoryLimitBelowWorkersOwnBreaksThePool(t *testing.T) {
	p, err := pool.New(t.Context(), &pool.Options{Workers: 2, MaxMemory: 1 << 10, StartFailures: 3})
	if err == nil {
		defer p.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		select {
		case <-pool.Ended(p):
		case <-ctx.Done():
			t.Fatal("the pool goes on")
		}
		_, err = double.Apply(ctx, p, 1)
	}
	if !errors.Is(err, pool.ErrPoolBroken) || !errors.Is(err, pool.ErrMemoryLimit) {
		t.Errorf("got %v", err)
	}
}

func TestMemoryOptions(t *testing.T) {
	if _, err := pool.New(t.Context(), &pool.Options{MaxMemory: -1}); err == nil || !strings.Contains(err.Error(), "MaxMemory") {
		t.Errorf("a negative limit: %v", err)
	}
	p := newPool(t, &pool.Options{Workers: 1, MaxMemory: 1000 * mebibyte})
	if got, err := softLimit.Apply(t.Context(), p, 0); err != nil || got != 900*mebibyte {
		t.Errorf("Go's own limit is %d, %v", got, err)
	}
	p = newPool(t, &pool.Options{Workers: 1, MaxMemory: 1000 * mebibyte, MemoryLimit: 7 * mebibyte})
	if got, err := softLimit.Apply(t.Context(), p, 0); err != nil || got != 7*mebibyte {
		t.Errorf("Go's own limit is %d, %v", got, err)
	}
	if s := newPool(t, nil).Stats(); s.Memory != pool.MemoryUnlimited {
		t.Errorf("mechanism %q", s.Memory)
	}
}

func TestHostedMemoryLimit(t *testing.T) {
	const limit = 100 * mebibyte
	h := newHosted(t, newManager(t), &pool.Options{Workers: 1, MaxMemory: limit})
	_, err := hoards.Apply(t.Context(), h, 200*mebibyte)
	overLimit(t, err, "test.hoards", limit)
	if s := hostedStats(t, h); s.OutOfMemory != 1 || s.Memory != pool.MemorySampling {
		t.Errorf("%+v", s)
	}
}
