package multiproctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/goleak"

	"github.com/multiproc-go/multiproc/spawn"
)

// Patience is how long the functions of this package wait for what takes a moment on a machine that has nothing else to
// do. For what is about to go they wait only as long as some of it goes within a sixth of that. It is to be changed before the
// tests run, if at all.
var Patience = 30 * time.Second

// faultVariable is the environment variable by which children find the faults that are meant for them.
const faultVariable = "MULTIPROC_TEST_FAULTS"

// Main is the body of a TestMain, in the place of spawn.TestMain, and never returns. In a child process it runs what
// the child was started for. In the test's own process it gives the tests a folder for temporary files that no other process
// of the machine uses, runs them, and has them fail if they leave a process, a goroutine or the folder of a socket.
func Main(m interface{ Run() int }) {
	spawn.TestMain(runner{m})
}

// A runner runs the tests between making the place for their temporary files and looking at what they have left.
type runner struct{ tests interface{ Run() int } }

func (r runner) Run() int {
	folder, err := prepare()
	if err != nil {
		fmt.Fprintln(os.Stderr, "multiproctest:", errors.Join(err, os.RemoveAll(folder)))
		return 1
	}
	code := r.tests.Run()
	for _, fault := range leftAtTheEnd() {
		fmt.Fprintln(os.Stderr, "multiproctest: the tests have left", fault)
		code = max(code, 1)
	}
	if err := os.RemoveAll(folder); err != nil {
		fmt.Fprintln(os.Stderr, "multiproctest:", err)
		code = max(code, 1)
	}
	return code
}

// prepare makes the folder for temporary files, whose path is short enough for sockets, and sets the environment of
// the children.
func prepare() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "mptest-"); err != nil {
		return "", err
	}
	faults := filepath.Join(folder, "faults")
	if err := os.Mkdir(faults, 0o700); err != nil {
		return folder, err
	}
	variables := map[string]string{"TMPDIR": folder, faultVariable: faults}
	if os.Getenv("GORACE") == "" { // the race detector has each exit take a second
		variables["GORACE"] = "atexit_sleep_ms=0"
	}
	for name, value := range variables {
		if err := os.Setenv(name, value); err != nil {
			return folder, err
		}
	}
	if err := warm(); err != nil {
		return folder, fmt.Errorf("start a child: %w", err)
	}
	return folder, nil
}

// leftAtTheEnd says what is there when all tests have run.
func leftAtTheEnd() []string {
	faults := settled(func() []string {
		return surroundings{processes: descendants(), folders: socketFolders()}.beyond(surroundings{})
	})
	if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.loop")); err != nil {
		faults = append(faults, "goroutines: "+err.Error())
	}
	return faults
}

// until waits until a condition holds and reports whether it did before ctx ended.
func until(ctx context.Context, condition func() bool) bool {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return condition()
		}
	}
	return true
}
