package spawn

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/multiproc-go/multiproc/finalize"
)

// treeMark is the mark above those of all children of this process. It is below the mark that the process itself was
// started with: so whoever sweeps that sweeps these too.
var treeMark = sync.OnceValue(func() string { return finalize.NewMark(finalize.OwnMark()) })

// childMark makes the mark of a new child. That of a detached one is nobody else's to sweep.
func childMark(detached bool) string {
	if detached {
		return finalize.NewMark("")
	}
	return finalize.NewMark(treeMark())
}

// A launch holds what one start has opened, until each part has found its owner.
type launch struct {
	options  *Options
	name     string
	mark     string
	message  []byte // the boot message
	files    []*os.File
	stdio    *stdio
	lifeline [2]int // read end for the child, write end
	hello    [2]int // read end, write end for the child
	crash    int
}

// open makes the pipes and files. After an error it is still release that closes them.
func (l *launch) open() error {
	var err error
	l.lifeline, l.hello, l.crash = [2]int{-1, -1}, [2]int{-1, -1}, -1
	if l.stdio, err = openStdio(l.options); err != nil {
		return err
	}
	if l.lifeline[0], l.lifeline[1], err = pipe(); err != nil {
		return err
	}
	if l.hello[0], l.hello[1], err = pipe(); err != nil {
		return err
	}
	if fd, ok := crashFile(); ok {
		l.crash = fd
	}
	return nil
}

// inherited are the child's descriptors from firstDescriptor up, and the kind of child that has them.
func (l *launch) inherited() (kind string, fds []int, err error) {
	kind, fds = kindBare, append(make([]int, 0, 3+len(l.files)), l.lifeline[0], l.hello[1])
	if l.crash >= 0 {
		kind, fds = kindChild, append(fds, l.crash)
	}
	for i, file := range l.files {
		fd, err := descriptor(file)
		if err != nil {
			return "", nil, fmt.Errorf("inherited file %d: %w", i, err)
		}
		fds = append(fds, fd)
	}
	return kind, fds, nil
}

// fork starts the process.
func (l *launch) fork() (int, reaper, error) {
	kind, fds, err := l.inherited()
	if err != nil {
		return 0, nil, err
	}
	value, err := marker(kind, fds)
	if err != nil {
		return 0, nil, err
	}
	attr := &syscall.ProcAttr{
		Dir:   l.options.Dir,
		Env:   environment(l.options.Env, l.mark, value, l.options.Procs),
		Files: append(make([]uintptr, 0, 3+len(fds)), l.stdio.child[:]...),
		Sys:   &syscall.SysProcAttr{Setpgid: !l.options.Detached, Setsid: l.options.Detached},
	}
	for _, fd := range fds {
		attr.Files = append(attr.Files, uintptr(fd))
	}
	if err := enterCgroup(attr.Sys, l.options.Cgroup); err != nil {
		return 0, nil, err
	}
	path, err := executable()
	if err != nil {
		return 0, nil, err
	}
	pid, reaper, err := forkExecOn(l.options.Affinity, path, []string{os.Args[0], l.name}, attr)
	runtime.KeepAlive(l.files)
	runtime.KeepAlive(l.options.Cgroup)
	runtime.KeepAlive(l.stdio.keep)
	if err != nil {
		return 0, nil, l.explain(path, err)
	}
	return pid, reaper, nil
}

// explain says why a child could not be made: the system does not tell a folder that it cannot enter from a program that it cannot
// execute.
func (l *launch) explain(path string, err error) error {
	if dir := l.options.Dir; dir != "" {
		if info, failure := os.Stat(dir); failure != nil || !info.IsDir() {
			return fmt.Errorf("Options.Dir: chdir %s: %w", dir, err)
		}
	}
	return fmt.Errorf("fork and exec %s: %w", path, err)
}

// adopt makes a Process of a child that was just forked, which owns the parent's ends of everything from here on, save
// the one for the hello. The child's ends are closed, so that its own copies are the only ones and its death is heard.
func (l *launch) adopt(pid int, reaper reaper) *Process {
	p := &Process{
		name: l.name, mark: l.mark, pid: pid, reaper: reaper,
		grace: l.options.grace(), detached: l.options.Detached,
		stdio: l.stdio, crash: l.crash,
		lifeline:   framed(pollable(l.lifeline[1], "lifeline")),
		started:    make(chan struct{}),
		identified: make(chan struct{}),
		done:       make(chan struct{}),
		swept:      make(chan struct{}),
	}
	l.stdio.closeOurs()
	l.stdio, l.lifeline[1], l.crash = nil, -1, -1
	l.release()
	return p
}

// answer is the parent's end of the pipe for the hello.
func (l *launch) answer() *os.File {
	file := pollable(l.hello[0], "hello")
	l.hello[0] = -1
	return file
}

// release closes what has found no owner.
func (l *launch) release() {
	if l.stdio != nil {
		l.stdio.closeOurs()
		l.stdio.discard()
		l.stdio = nil
	}
	for _, fd := range []*int{&l.lifeline[0], &l.lifeline[1], &l.hello[0], &l.hello[1], &l.crash} {
		if *fd >= 0 {
			_ = unix.Close(*fd)
		}
		*fd = -1
	}
}

// environment is base, or the parent's where that is nil, with the child's mark and marker. A child that is to have procs
// processors has that for the start of its runtime, which then neither looks for a cgroup's quota nor starts threads for
// the others; what its own commands are to have instead goes beside it (see restoreProcs).
func environment(base []string, mark, marker string, procs int) []string {
	if base == nil {
		base = os.Environ()
	}
	env := make([]string, 0, len(base)+4)
	inherited := ""
	for _, variable := range base {
		name, value, _ := strings.Cut(variable, "=")
		switch {
		case name == finalize.MarkVariable || name == markerVariable || name == procsVariable:
		case name == "GOMAXPROCS" && procs > 0:
			inherited = value
		default:
			env = append(env, variable)
		}
	}
	env = append(env, finalize.MarkVariable+"="+mark, markerVariable+"="+marker)
	if procs > 0 {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(procs), procsVariable+"="+inherited)
	}
	return env
}

// encodeBoot makes the boot message of a child with these options.
func encodeBoot(role, name string, argument []byte, o *Options) ([]byte, error) {
	sections, err := gatherBequests()
	if err != nil {
		return nil, err
	}
	message := &boot{
		Protocol: protocol, Role: role, Name: name,
		ParentPID: os.Getpid(), ParentName: Current().Name,
		Grace: int64(o.grace()), Procs: o.Procs, MemoryLimit: o.MemoryLimit,
		Detached: o.Detached, Guarded: !o.Detached,
		Sections: sections, Argument: argument,
	}
	for _, limit := range o.Limits {
		message.Limits = append(message.Limits, limitTuple(limit))
	}
	return message.MarshalMsg(nil)
}
