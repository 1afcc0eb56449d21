package bench

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench/helper"
	"github.com/multiproc-go/multiproc/spawn"
)

// checked runs the tests, and then looks for goroutines that they left.
type checked struct{ tests *testing.M }

func (c checked) Run() int {
	code := c.tests.Run()
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.loop")); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines were left behind:", err)
			return 1
		}
	}
	return code
}

func TestMain(m *testing.M) {
	helper.Main()
	// Workers of a test built with -race would each take a second to exit.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	spawn.TestMain(checked{m})
}
