package pool

import "context"

// RegisteredForBenchmark is a function that the benchmarks inside the package run.
var RegisteredForBenchmark = RegisterNamed("bench.double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
