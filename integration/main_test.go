package integration

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	os.Exit(leakChecked{m}.Run())
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
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
