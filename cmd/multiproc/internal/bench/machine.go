package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/mem"
)

// machine is what figures were measured on.
type machine struct {
	date               time.Time
	processor          string
	cores              int
	memory             uint64 // bytes, 0 where that cannot be known
	kernel, goVersion  string
	python, pondModule string // empty where they were left out
}

func describeMachine(ctx context.Context, e *environment, now time.Time) machine {
	m := machine{
		date: now, processor: processorName(), cores: runtime.NumCPU(), goVersion: runtime.Version(), python: e.python.version,
		kernel: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if output, err := exec.CommandContext(ctx, "uname", "-srm").Output(); err == nil {
		m.kernel = strings.TrimSpace(string(output))
	}
	if memory, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		m.memory = memory.Total
	}
	if e.pond.program != "" {
		m.pondModule = pondVersion()
	}
	return m
}

// processorName returns the model of the first processor.
func processorName() string {
	name, err := fieldOf("/proc/cpuinfo", "model name")
	if err != nil {
		return "unknown processor"
	}
	return name
}

// pondVersion returns the version that pond's program requires.
func pondVersion() string {
	source, found := pondSource()
	if !found {
		return ""
	}
	content, _ := os.ReadFile(source + "/go.mod")
	for line := range strings.Lines(string(content)) {
		if version, found := strings.CutPrefix(strings.TrimSpace(line), "require github.com/alitto/pond/v2 "); found {
			return version
		}
	}
	return ""
}

// proportionalMean returns the mean PSS of processes, in bytes.
func proportionalMean(pids []int) (float64, error) {
	total := 0.0
	for _, pid := range pids {
		text, err := fieldOf(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss")
		if err != nil {
			return 0, err
		}
		kibibytes, err := strconv.ParseFloat(strings.TrimSuffix(text, " kB"), 64)
		if err != nil {
			return 0, err
		}
		total += kibibytes * 1024
	}
	return total / float64(len(pids)), nil
}

var errNoField = errors.New("there is no such field")

// fieldOf returns the first value of a field in a file of lines such as "name: value".
func fieldOf(path, field string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if name, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(name) == field {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s of %s: %w", field, path, errors.Join(lines.Err(), errNoField))
}
