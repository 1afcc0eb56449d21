package bench

import (
	"context"
	_ "embed" // for the script
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed peers/python3.py
var pythonScript string

// pythonHome is the python3 that is at hand, looked for once.
type pythonHome struct {
	folder  string // a temporary one
	looked  bool
	program string
	script  string
	version string
	absent  error
}

func (h *pythonHome) find(ctx context.Context) error {
	if h.looked {
		return h.absent
	}
	h.looked = true
	program, err := exec.LookPath("python3")
	if err != nil {
		h.absent = &absentError{python3, "there is no python3 in the PATH"}
		return h.absent
	}
	// The path of the interpreter itself: what the PATH has may be a script that looks for it, at each start.
	output, err := exec.CommandContext(ctx, program, "-I", "-c",
		"import multiprocessing, sys; multiprocessing.get_context('fork'); print(sys.executable); print(sys.version.split()[0])").Output()
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if err != nil || len(lines) != 2 {
		h.absent = &absentError{python3, program + " does not run, or has no multiprocessing with fork"}
		return h.absent
	}
	script := filepath.Join(h.folder, "python3.py")
	if err := os.WriteFile(script, []byte(pythonScript), 0o600); err != nil {
		return err
	}
	h.program, h.script, h.version = lines[0], script, lines[1]
	return nil
}

// pythonDoes has CPython do what its script knows by that name, with so many times the operations.
func pythonDoes(name string, times int) system {
	return system{name: python3, peer: python3, times: times, prepare: prepareScript(name)}
}

// pythonVariant is pythonDoes for another way to do a workload.
func pythonVariant(variant, name string, times int) system {
	return system{name: python3 + " " + variant, peer: python3, times: times, prepare: prepareScript(name)}
}

func prepareScript(name string) preparation {
	return func(ctx context.Context, e *environment, n int) (*runner, error) {
		if err := e.python.find(ctx); err != nil {
			return nil, err
		}
		d, err := startDriver(ctx, e.python.program, "-I", e.python.script, name, strconv.Itoa(n))
		if err != nil {
			return nil, err
		}
		return &runner{run: d.run, close: d.close}, nil
	}
}
