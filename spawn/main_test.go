package spawn_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/multiproc-go/multiproc/spawn"
)

func TestMain(m *testing.M) { spawn.TestMain(leakChecked{m}) }

// leakChecked looks, after the tests, for what they left behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if left := spawn.ActiveChildren(); len(left) != 0 {
		fmt.Fprintln(os.Stderr, "children left running:", left)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}
