package wire

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// listenVariable makes the test binary a program that listens until its stdin ends.
const listenVariable = "MULTIPROC_TEST_LISTEN"

func TestMain(m *testing.M) {
	if os.Getenv(listenVariable) != "" {
		os.Exit(listenUntilEOF())
	}
	goleak.VerifyTestMain(m)
}

func listenUntilEOF() int {
	l, err := Listen(context.Background(), "unix", "", nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := l.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
