package pool_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// Functions are registered in package-level variables: a worker is this program started again, and registers them too.
var (
	countWords = pool.Register(words)
	crash      = pool.RegisterNamed("example.crash", func(context.Context, int) (int, error) { os.Exit(3); return 0, nil })
	lookUp     = pool.RegisterNamed("example.lookUp", func(_ context.Context, name string) (int, error) {
		return 0, fmt.Errorf("look up %s: %w", name, errUnknown)
	})
	pause = pool.RegisterNamed("example.pause", func(ctx context.Context, d time.Duration) (string, error) {
		select {
		case <-time.After(d):
			return "done", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	greet = pool.RegisterNamed("example.greet", func(_ context.Context, name string) (string, error) {
		return greeting + ", " + name, nil
	})
)

func words(_ context.Context, text string) (int, error) { return len(strings.Fields(text)), nil }

// errUnknown keeps its identity on the way from a worker to its caller.
var errUnknown = errors.New("no such name")

func init() { pool.RegisterError("example.unknown", errUnknown) }

func Example() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	counts, err := countWords.Map(ctx, p, []string{"the quick brown fox", "jumps over", "the lazy dog"})
	fmt.Println(counts, err)

	fmt.Println(p.Shutdown(ctx))
	// Output:
	// [4 2 3] <nil>
	// <nil>
}

// A worker that dies takes one task with it.
func ExampleWorkerLostError() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	_, err = crash.Apply(ctx, p, 0)
	var lost *pool.WorkerLostError
	if errors.As(err, &lost) {
		fmt.Println("lost with exit status", lost.ExitCode)
	}
	n, err := countWords.Apply(ctx, p, "and the pool goes on")
	fmt.Println(n, err)
	// Output:
	// lost with exit status 3
	// 5 <nil>
}

// A sequence is read only as fast as its results are taken: it may be endless.
func ExampleFunction_IMap() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	lines := func(yield func(string) bool) {
		for n := 1; yield(strings.Repeat("word ", n)); n++ {
		}
	}
	for n, err := range countWords.IMap(ctx, p, lines).All() {
		if err != nil || n > 3 {
			break
		}
		fmt.Println(n)
	}
	// Output:
	// 1
	// 2
	// 3
}

// Result.Index tells which input a result belongs to.
func ExampleIterator_Results() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	lines := []string{"a b", "c", "d e f"}
	each := func(yield func(string) bool) {
		for _, line := range lines {
			if !yield(line) {
				return
			}
		}
	}
	for r := range countWords.IMapUnordered(ctx, p, each).Results() {
		fmt.Printf("%q has %d\n", lines[r.Index], r.Value)
	}
	// Unordered output:
	// "a b" has 2
	// "c" has 1
	// "d e f" has 3
}

// A deadline ends the task, and a task that takes no notice with its worker.
func ExampleFunction_WithTimeout() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	_, err = pause.WithTimeout(10*time.Millisecond).Apply(ctx, p, time.Hour)
	fmt.Println(errors.Is(err, pool.ErrTaskTimeout))
	// Output: true
}

func ExampleAsyncResult() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	long, err := pause.ApplyAsync(ctx, p, time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	short, err := pause.ApplyAsync(ctx, p, time.Millisecond)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(short.Get(ctx))
	fmt.Println(long.Ready())
	long.Cancel()
	_, err = long.Get(ctx)
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// done <nil>
	// false
	// true
}

// errors.Is finds a registered sentinel in what a task returned.
func ExampleRegisterError() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	_, err = lookUp.Apply(ctx, p, "nobody")
	fmt.Println(err)
	fmt.Println(errors.Is(err, errUnknown), errors.Is(err, fs.ErrNotExist))
	// Output:
	// look up nobody: no such name
	// true false
}

// A Map goes on when some of its tasks fail.
func ExampleMapError() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	_, err = lookUp.Map(ctx, p, []string{"x", "y"})
	var failed *pool.MapError
	if errors.As(err, &failed) {
		for _, f := range failed.Failed {
			fmt.Println(f.Index, f.Err)
		}
	}
	// Output:
	// 0 look up x: no such name
	// 1 look up y: no such name
}

var greeting string

var setGreeting = pool.RegisterInitializer(greetWith)

func greetWith(_ context.Context, word string) error {
	greeting = word
	return nil
}

// An initializer prepares each worker before its first task.
func ExampleRegisterInitializer() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1, Initializer: setGreeting.With("Good morning")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	fmt.Println(greet.Apply(ctx, p, "world"))
	// Output: Good morning, world <nil>
}

func ExamplePool_Stats() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	_, _ = countWords.Apply(ctx, p, "one two")
	_, _ = lookUp.Apply(ctx, p, "nobody")
	s := p.Stats()
	fmt.Println(s.Submitted, s.Done, s.Failed, s.Pending, s.Workers[0].State)
	// Output: 2 1 1 0 idle
}
