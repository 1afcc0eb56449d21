package pool_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

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

var resizePage = pool.RegisterNamed("example.resizePage", func(_ context.Context, page int) (int, error) {
	slog.Info("resizing", "page", page) // as code would log that knows nothing of pools
	return page, nil
})

// What tasks log is passed on to the pool's Logger, and says where it comes from.
func ExampleLogHandler() {
	withoutTimes := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "pid" {
			return slog.Attr{}
		}
		return a
	}
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: withoutTimes})
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{
		Workers: 1, Name: "pages", Logger: slog.New(quietly{handler}), ForwardLogs: slog.LevelInfo,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	_, _ = resizePage.Map(ctx, p, []int{7, 8})
	_ = p.Shutdown(ctx) // records may come after results, but not after this
	// Output:
	// level=INFO msg=resizing page=7 worker.pool=pages worker.function=example.resizePage worker.task=1 worker.index=0 worker.attempt=1
	// level=INFO msg=resizing page=8 worker.pool=pages worker.function=example.resizePage worker.task=2 worker.index=1 worker.attempt=1
}

// quietly leaves out what the pool itself logs of its workers.
type quietly struct{ slog.Handler }

func (h quietly) Handle(ctx context.Context, r slog.Record) error {
	if r.Message != "resizing" {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// An adapter for OpenTelemetry is
//
//	type otelPropagator struct{ propagation.TextMapPropagator }
//
//	func (p otelPropagator) Inject(ctx context.Context, carrier map[string]string) {
//		p.TextMapPropagator.Inject(ctx, propagation.MapCarrier(carrier))
//	}
//
//	func (p otelPropagator) Extract(ctx context.Context, carrier map[string]string) context.Context {
//		return p.TextMapPropagator.Extract(ctx, propagation.MapCarrier(carrier))
//	}
//
// registered by
//
//	func init() { pool.RegisterPropagator(otelPropagator{propagation.TraceContext{}}) }
//
// Spans that tasks begin are then the children of their caller's. An Initializer is the place to set up what exports them.
func ExampleRegisterPropagator() {
	_ = func() { pool.RegisterPropagator(baggage{}) } // in an init function
}

var traceID = pool.RegisterNamed("example.traceID", func(ctx context.Context, _ string) (string, error) {
	traceparent, _ := pool.Trace(ctx)
	return traceparent, nil
})

// Without any library, the headers of a request can be passed on as they came.
func ExampleWithTrace() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	request := http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}
	traced := pool.WithTrace(ctx, request.Get("traceparent"), request.Get("tracestate"))
	fmt.Println(traceID.Apply(traced, p, "page"))
	// Output: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 <nil>
}
