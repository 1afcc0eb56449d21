package bench

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// buildTime is how long building pond's program may take, which may begin with a download.
const buildTime = 2 * time.Minute

// pondHome is where the program of pond is built, once.
type pondHome struct {
	folder  string // a temporary one
	looked  bool
	program string
	absent  error
}

func (h *pondHome) build(ctx context.Context) error {
	if h.looked {
		return h.absent
	}
	h.looked = true
	source, found := pondSource()
	if !found {
		h.absent = &absentError{pond, "its program's source is not here (it is in multiproc's repository alone)"}
		return h.absent
	}
	toolchain, err := exec.LookPath("go")
	if err != nil {
		h.absent = &absentError{pond, "there is no Go toolchain in the PATH to build it with"}
		return h.absent
	}
	ctx, cancel := context.WithTimeoutCause(ctx, buildTime, errors.New("it takes too long"))
	defer cancel()
	program := filepath.Join(h.folder, "pond")
	build := exec.CommandContext(ctx, toolchain, "build", "-buildvcs=false", "-o", program, ".")
	build.Dir = source
	build.WaitDelay = time.Second
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		reason, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		h.absent = &absentError{pond, "it cannot be built: " + err.Error() + ": " + reason}
		return h.absent
	}
	h.program = program
	return nil
}

// pondSource finds the folder of pond's program: beside this file, as it was compiled, or below the current folder.
func pondSource() (string, bool) {
	folders := []string{filepath.Join("cmd", "multiproc", "internal", "bench")}
	if _, file, _, ok := runtime.Caller(0); ok {
		folders = append(folders, filepath.Dir(file))
	}
	for _, folder := range folders {
		source := filepath.Join(folder, "peers", "pond")
		if _, err := os.Stat(filepath.Join(source, "go.mod")); err == nil {
			return source, true
		}
	}
	return "", false
}

func pondDoes(name string) preparation {
	return func(ctx context.Context, e *environment, n int) (*runner, error) {
		if err := e.pond.build(ctx); err != nil {
			return nil, err
		}
		d, err := startDriver(ctx, e.pond.program, name, strconv.Itoa(n))
		if err != nil {
			return nil, err
		}
		return &runner{run: d.run, close: d.close}, nil
	}
}
