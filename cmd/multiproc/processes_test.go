package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// needProc skips a test that looks at other processes.
func needProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc on this system")
	}
}

// workersOf returns the worker processes of the binary with this pid: its
// children that say so in their names.
func workersOf(parent int) []int {
	var workers []int
	for _, pid := range processes() {
		ppid, name, zombie := describe(pid)
		if ppid == parent && !zombie && strings.HasPrefix(name, "map-") {
			workers = append(workers, pid)
		}
	}
	return workers
}

// withCommandLine returns the processes whose command line has this text in it,
// other than the first process of the binary.
func withCommandLine(text string) []string {
	var found []string
	for _, pid := range processes() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		_, _, zombie := describe(pid)
		if err == nil && !zombie && strings.Contains(string(line), text) &&
			!strings.HasPrefix(string(line), binary+"\x00map\x00") {
			found = append(found, fmt.Sprintf("%d %q", pid, line))
		}
	}
	return found
}

func processes() []int {
	paths, _ := filepath.Glob("/proc/[0-9]*")
	pids := make([]int, 0, len(paths))
	for _, path := range paths {
		if pid, err := strconv.Atoi(filepath.Base(path)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// describe reads a process's parent, name and state; the parent is 0 when there
// is no such process.
func describe(pid int) (ppid int, name string, zombie bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", false
	}
	text := string(stat)
	open, shut := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	fields := strings.Fields(text[shut+1:])
	ppid, _ = strconv.Atoi(fields[1])
	return ppid, text[open+1 : shut], fields[0] == "Z"
}
