package pool

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var balloons = RegisterNamed("test.balloons", func(_ context.Context, n int) (int, error) {
	memory := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		memory[i] = 1
	}
	return len(memory), nil
})

// fakeCgroup makes a directory with the files that the kernel would make.
func fakeCgroup(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func contents(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestCgroupMemoryIsEnabled(t *testing.T) {
	dir := fakeCgroup(t, map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "cpu\n"})
	if err := enableMemory(dir); err != nil || contents(t, dir, "cgroup.subtree_control") != "+memory" {
		t.Errorf("it was not passed on: %v", err)
	}
	dir = fakeCgroup(t, map[string]string{"cgroup.controllers": "memory\n", "cgroup.subtree_control": "memory pids\n"})
	if err := enableMemory(dir); err != nil || contents(t, dir, "cgroup.subtree_control") != "memory pids\n" {
		t.Errorf("it was passed on already: %v", err)
	}
	dir = fakeCgroup(t, map[string]string{"cgroup.controllers": "cpu memoryx\n"})
	if err := enableMemory(dir); err == nil || !strings.Contains(err.Error(), "no memory controller") {
		t.Errorf("got %v", err)
	}
}

func TestCgroupFiles(t *testing.T) {
	dir := fakeCgroup(t, map[string]string{
		"memory.max": "max\n", "memory.oom.group": "0\n", "memory.peak": "12345\n", "cgroup.kill": "",
		"memory.events": "low 0\nhigh 7\nmax 3\noom 1\noom_kill 2\noom_group_kill 1\n", "cgroup.events": "populated 1\nfrozen 0\n",
	})
	g := &cgroup{path: dir}
	if err := g.limit(1 << 20); err != nil {
		t.Errorf("without swap: %v", err)
	}
	if got := contents(t, dir, "memory.max"); !strings.HasPrefix(got, "1048576") {
		t.Errorf("memory.max is %q", got)
	}
	if got := contents(t, dir, "memory.oom.group"); !strings.HasPrefix(got, "1") {
		t.Errorf("memory.oom.group is %q", got)
	}
	populated, err := g.populated()
	if err != nil || !populated {
		t.Errorf("populated: %v, %v", populated, err)
	}
	if n, err := g.oomKills(); n != 2 || err != nil || g.peak() != 12345 {
		t.Errorf("%d kills, %v, peak %d", n, err, g.peak())
	}
	if err := os.Remove(filepath.Join(dir, "memory.max")); err != nil {
		t.Fatal(err)
	}
	if err := g.limit(1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without memory.max: %v", err)
	}
	p := &Pool{options: &Options{MaxMemory: 20000}}
	if v := p.kernelVerdict(g, 7); v == nil || v.Used != 20000 || v.Limit != 20000 || v.PID != 7 || v.Mechanism != MemoryCgroup {
		t.Errorf("the verdict is %+v", v)
	}
	if v := p.kernelVerdict(nil, 7); v != nil {
		t.Errorf("a verdict without a cgroup: %+v", v)
	}
}

// realCgroup makes a directory in a mounted cgroup v2, or skips the test.
func realCgroup(t *testing.T) string {
	t.Helper()
	for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if isCgroup2(mount) != nil {
			continue
		}
		dir, err := os.MkdirTemp(mount, "multiproc-test-") //nolint:usetesting // it must lie in that file system
		if err != nil {
			continue
		}
		t.Cleanup(func() {
			if err := removeCgroups(dir); err != nil {
				t.Error(err)
			}
		})
		return dir
	}
	t.Skip("no cgroup v2 that may be written to is mounted")
	return ""
}

// A cgroup is killed with all in it, removed, and left alone by others as long as its owner lives.
func TestCgroupOfProcesses(t *testing.T) {
	dir := realCgroup(t)
	path := filepath.Join(dir, cgroupPrefix+"1")
	if err := os.MkdirAll(filepath.Join(path, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	g := &cgroup{path: path}
	if err := g.open(sharedLock); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("/bin/sh", "-c", "env -i setsid sleep 600 & echo; wait")
	command.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(g.file().Fd())}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); errors.Is(err, unix.ENOSYS) {
		t.Skip("this kernel cannot start a process in a cgroup")
	} else if err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	all := &cgroups{dir: dir}
	all.clear()
	if populated, err := g.populated(); err != nil || !populated {
		t.Errorf("with processes in it: %v, %v", populated, err)
	}
	if err := g.remove(); err != nil {
		t.Error(err)
	}
	_ = command.Wait()
	if command.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("it ended otherwise: %v", command.ProcessState)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// What a program left is removed, unless it has an owner or was not made by a pool.
func TestCgroupLeftovers(t *testing.T) {
	dir := realCgroup(t)
	made := func(name string) *cgroup {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return &cgroup{path: path}
	}
	made(cgroupPrefix + "left")
	owned := made(cgroupPrefix + "owned")
	made("another")
	if err := owned.open(sharedLock); err != nil {
		t.Fatal(err)
	}
	(&cgroups{dir: dir}).clear()
	for name, want := range map[string]bool{cgroupPrefix + "left": false, cgroupPrefix + "owned": true, "another": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := owned.remove(); err != nil {
		t.Error(err)
	}
	if err := owned.open(sharedLock); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening a removed one: %v", err)
	}
}

// A directory that cannot serve is refused before anything is started.
func TestCgroupRefused(t *testing.T) {
	const limit = 1 << 30
	for dir, want := range map[string]string{
		t.TempDir():       "no directory of cgroup v2",
		"/does/not/exist": "no such file",
	} {
		if _, err := New(t.Context(), &Options{MaxMemory: limit, Cgroup: dir}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if _, err := New(t.Context(), &Options{Cgroup: "/"}); err == nil || !strings.Contains(err.Error(), "MaxMemory") {
		t.Errorf("without a limit: %v", err)
	}
	dir := realCgroup(t)
	if words, err := readWords(dir, "cgroup.controllers"); err != nil || strings.Contains(strings.Join(words, " "), "memory") {
		t.Skip("the memory controller is here")
	}
	if _, err := New(t.Context(), &Options{MaxMemory: limit, Cgroup: dir}); err == nil || !strings.Contains(err.Error(), "no memory controller") {
		t.Errorf("without the controller: %v", err)
	}
}

// A worker starts in its cgroup, and its end removes that with what hides there.
func TestCgroupOfWorker(t *testing.T) {
	dir := realCgroup(t)
	options, err := (&Options{Workers: 1}).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	functions.seal()
	p := &Pool{options: options, lifetime: t.Context(), cgroups: &cgroups{dir: dir}}
	l, err := (&seat{pool: p}).hire()
	if err != nil {
		t.Fatal(err)
	}
	if in := contents(t, "/proc", strconv.Itoa(l.process.PID())+"/cgroup"); !strings.Contains(in, filepath.Base(l.group.path)) {
		t.Errorf("the worker is in %q", in)
	}
	hidden := exec.Command("/usr/bin/env", "-i", "sleep", "600")
	hidden.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(l.group.file().Fd()), Setsid: true}
	if err := hidden.Start(); err != nil {
		t.Fatal(err)
	}
	l.killTree()
	l.bury()
	l.clear()
	_ = hidden.Wait()
	if entries, err := filepath.Glob(filepath.Join(dir, cgroupPrefix+"*")); len(entries) != 0 || err != nil {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// A pool whose workers have cgroups of their own kills a worker with all that is in its cgroup, says what the kernel saw,
// and leaves none behind.
func TestCgroupOfWorkers(t *testing.T) {
	dir := realCgroup(t)
	if err := (&cgroups{dir: dir, limit: 1 << 30}).probe(); err != nil {
		t.Skip("no cgroups with a memory limit can be made: ", err)
	}
	p, err := New(t.Context(), &Options{Workers: 2, MaxMemory: 256 << 20, Cgroup: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if s := p.Stats(); s.Memory != MemoryCgroup {
		t.Errorf("mechanism %q", s.Memory)
	}
	_, err = balloons.Apply(t.Context(), p, 512<<20)
	var excess *MemoryLimitError
	if !errors.As(err, &excess) || excess.Mechanism != MemoryCgroup || excess.Used < excess.Limit {
		t.Errorf("got %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			t.Errorf("%s was left", e.Name())
		}
	}
}
