package pool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// A desk is what another process needs to work with the pool.
type desk struct {
	Pool    *pool.Hosted
	Results *pool.SharedIterator[int]
}

// clerk is a process that takes one result that another has asked for, and runs a task of its own.
var clerk = spawn.RegisterNamed("example.clerk", func(ctx context.Context, d desk) error {
	if _, err := d.Results.Next(ctx); err != nil {
		return err
	}
	n, err := countWords.Apply(ctx, d.Pool, "in the same workers")
	if err == nil && n != 4 {
		err = errors.New("a wrong count")
	}
	return err
})

// A pool in a manager is used like any other, and by any process that is given it.
func ExampleNewHosted() {
	ctx := context.Background()
	m, err := manager.Start(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	h, err := pool.NewHosted(ctx, m, &pool.Options{Workers: 2}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()

	counts, err := countWords.Map(ctx, h, []string{"the quick brown fox", "jumps over"})
	fmt.Println(counts, err)

	results, err := countWords.IMapShared(ctx, h, []string{"for the clerk", "for us"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer results.Close()
	process, err := clerk.Start(ctx, desk{h, results}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(process.Wait(ctx))
	for n, err := range results.All(ctx) {
		fmt.Println(n, err)
	}
	// Output:
	// [4 2] <nil>
	// <nil>
	// 2 <nil>
}

// A shared result can be asked for more than once, by all who have it.
func ExampleSharedResult() {
	ctx := context.Background()
	m, err := manager.Start(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	h, err := pool.NewHosted(ctx, m, &pool.Options{Workers: 1}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()

	result, err := countWords.ApplyShared(ctx, h, "one two three")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer result.Close()
	fmt.Println(result.Get(ctx))
	fmt.Println(result.Ready(ctx))
	// Output:
	// 3 <nil>
	// true <nil>
}

// Each result of a shared iterator goes to one caller of Next, in whichever process.
func ExampleSharedIterator() {
	ctx := context.Background()
	m, err := manager.Start(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	h, err := pool.NewHosted(ctx, m, &pool.Options{Workers: 1}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()

	results, err := countWords.IMapShared(ctx, h, []string{"one", "two words"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer results.Close()
	for {
		result, err := results.Next(ctx)
		if err != nil {
			fmt.Println(errors.Is(err, io.EOF))
			break
		}
		fmt.Println(result.Index, result.Value, result.Err)
	}
	// Output:
	// 0 1 <nil>
	// 1 2 <nil>
	// true
}

// A sequence that is shared is read by the process that has it, as fast as all together take results.
func ExampleFunction_IMapSharedSeq() {
	ctx := context.Background()
	m, err := manager.Start(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	h, err := pool.NewHosted(ctx, m, &pool.Options{Workers: 2}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()

	lines, err := countWords.IMapSharedSeq(ctx, h, slices.Values([]string{"a b", "c", "d e f"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lines.Close()
	for n, err := range lines.All(ctx) {
		fmt.Println(n, err)
	}
	// Output:
	// 2 <nil>
	// 1 <nil>
	// 3 <nil>
}
