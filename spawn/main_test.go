package spawn_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/multiproc-go/multiproc/spawn"
)

// programVariable makes the test binary run one of the programs instead of the tests.
const programVariable = "MULTIPROC_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" { // for children and programs: the race detector has each exit take a second
		if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
			panic(err)
		}
	}
	if program, ok := programs[os.Getenv(programVariable)]; ok {
		program()
		return
	}
	spawn.TestMain(leakChecked{m})
}

// leakChecked looks, after the tests, for what they left behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	before := descriptors()
	code := l.m.Run()
	if left := spawn.ActiveChildren(); len(left) != 0 {
		fmt.Fprintln(os.Stderr, "children left running:", left)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	// The poller's two, the guardian's two, and what the testing package opens.
	if after := descriptors(); after > before+6 {
		fmt.Fprintf(os.Stderr, "%d descriptors were open before the tests, %d are after them\n", before, after)
		code = 1
	}
	return code
}

// descriptors counts the open descriptors of this process; where there is no /proc, it counts none.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries) - 1 // the directory's own
}
