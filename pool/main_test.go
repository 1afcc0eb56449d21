package pool_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

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
	if os.Getenv(mapsVariable) != "" {
		mapShared()
	}
	// Workers of a test built with -race would each take a second to exit.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	defer unwound()
	spawn.TestMain(checked{m})
}

// unwound ends a process whose main goroutine runs what TestMain has deferred, which is never to be.
func unwound() {
	fmt.Fprintln(os.Stderr, "the main goroutine was unwound")
	os.Exit(3)
}
