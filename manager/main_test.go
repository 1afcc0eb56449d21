package manager_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/multiproc-go/multiproc/spawn"
)

// checked runs the tests, and then looks for what they left behind.
type checked struct{ tests *testing.M }

func (c checked) Run() int {
	code := c.tests.Run()
	if left := spawn.ActiveChildren(); len(left) != 0 {
		fmt.Fprintln(os.Stderr, "children were left running:", left)
		code = 1
	}
	if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.loop")); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "goroutines were left behind:", err)
		code = 1
	}
	return code
}

func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" { // for children: the race detector has each exit take a second
		if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
			panic(err)
		}
	}
	spawn.TestMain(checked{m})
}
