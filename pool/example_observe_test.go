package pool_test

import (
	"context"
	"fmt"

	"github.com/multiproc-go/multiproc/pool"
)

var copyPages = pool.RegisterNamed("example.copyPages", func(ctx context.Context, pages int) (int, error) {
	for page := range pages {
		// ... copy the page ...
		pool.ReportProgress(ctx, pool.Progress{Done: int64(page + 1), Total: int64(pages), Message: "copying"})
	}
	return pages, nil
})

// What a task reports reaches its caller while it runs; the last report comes before its result.
func ExampleReportProgress() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	last := make([]pool.Progress, 2) // fn is called for one report of a task at a time
	watched := copyPages.WithProgress(func(task int, p pool.Progress) { last[task] = p })
	fmt.Println(watched.Map(ctx, p, []int{20, 30}))
	fmt.Println(last)

	result, err := copyPages.ApplyAsync(ctx, p, 40) // or ask
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = result.Wait(ctx)
	fmt.Println(result.Progress())
	// Output:
	// [20 30] <nil>
	// [{20 20 copying} {30 30 copying}]
	// {40 40 copying} true
}
