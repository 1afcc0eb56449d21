package integration

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/multiproc-go/multiproc/spawn"
)

func TestMain(m *testing.M) {
	spawn.TestMain(leakChecked{m})
}

// leakChecked is a testing.M whose run fails when it leaves goroutines behind.
type leakChecked struct {
	tests *testing.M
}

func (l leakChecked) Run() int {
	status := l.tests.Run()
	if status != 0 {
		return status
	}
	if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.loop")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
