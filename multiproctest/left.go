package multiproctest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
)

const warmRole = "multiproctest/warm"

func init() {
	spawn.RegisterRole(warmRole, func(_ context.Context, c *spawn.Child) error { return c.Hello("") })
}

// treeMark is the mark above those of all children of this process. It is set by warm, before the tests run.
var treeMark string

// warm has the test process make what it makes with its first child, and keeps to its end: the guardian, with two
// descriptors, and the poller's.
func warm() error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	p, err := spawn.StartRole(ctx, warmRole, nil, nil, nil)
	if err != nil {
		return err
	}
	if err := p.Wait(ctx); err != nil {
		return err
	}
	<-p.Swept()
	mark := p.Mark()
	treeMark = mark[:max(0, strings.LastIndexByte(mark, '.'))]
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		return nil // nothing can be compared
	}
	if !until(ctx, func() bool { return slices.ContainsFunc(members(), isGuardian) }) {
		return fmt.Errorf("no guardian within %v", Patience)
	}
	return nil
}

// CheckNothingLeft fails the test if, at its end, there is something that was not there at this call: a process that this
// one or one of its descendants has started, a goroutine, a descriptor, memory mapped from a file, or a folder for a
// socket. What is about to go is waited for: for Patience at most, and for a sixth of it if nothing goes meanwhile. It is called first in a test, before other functions that register cleanups:
// those run before it looks. The tests must not run in parallel, and TestMain must be Main's. It does
// not block; its look at the end does.
func CheckNothingLeft(t testing.TB) {
	t.Helper()
	if os.Getenv(faultVariable) == "" {
		t.Fatal("multiproctest: the body of TestMain must be multiproctest.Main(m)")
	}
	before, running := lookAround(), goleak.IgnoreCurrent()
	t.Cleanup(func() {
		t.Helper()
		for _, fault := range settled(func() []string { return lookAround().beyond(before) }) {
			t.Errorf("the test has left %s", fault)
		}
		if err := goleak.Find(running, goleak.IgnoreTopFunction("os/signal.loop")); err != nil {
			t.Errorf("the test has left goroutines: %v", err)
		}
	})
}

// settled waits until look finds nothing, or for a while nothing else, and returns what it found last.
func settled(look func() []string) (faults []string) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	since := time.Now()
	until(ctx, func() bool {
		found := look()
		if !slices.Equal(found, faults) {
			faults, since = found, time.Now()
		}
		return len(found) == 0 || time.Since(since) >= Patience/6
	})
	return faults
}

// CheckManagerEmpty fails the test if, after a while, the manager still has an object that is not pinned, or a message
// with references on its way. It blocks until there is nothing, at most for Patience.
func CheckManagerEmpty(t testing.TB, m *manager.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	var info *manager.Info
	var err error
	empty := until(ctx, func() bool {
		if info, err = m.Info(ctx); err != nil {
			return true
		}
		left := slices.ContainsFunc(info.Objects, func(o manager.ObjectInfo) bool { return !o.Pinned })
		return !left && info.InTransit == 0
	})
	switch {
	case err != nil:
		t.Errorf("%v: %v", m, err)
	case !empty:
		t.Errorf("%v is not empty: %+v", m, *info)
	}
}

// surroundings is what this process has at one moment.
type surroundings struct{ processes, descriptors, mappings, folders []string }

func lookAround() surroundings {
	return surroundings{descendants(), descriptors(), mappings(), socketFolders()}
}

// beyond says what there is that was not there before. Numbers of descriptors are given away again, so that it is their
// count that tells.
func (s surroundings) beyond(before surroundings) (faults []string) {
	for _, p := range s.processes {
		if !slices.Contains(before.processes, p) {
			faults = append(faults, "the process "+p)
		}
	}
	for _, f := range s.folders {
		if !slices.Contains(before.folders, f) {
			faults = append(faults, "the folder "+f)
		}
	}
	if more := len(s.descriptors) - len(before.descriptors); more > 0 {
		faults = append(faults, fmt.Sprintf("%d descriptors, of these: %q", more, added(s.descriptors, before.descriptors)))
	}
	if more := len(s.mappings) - len(before.mappings); more > 0 {
		faults = append(faults, fmt.Sprintf("%d mappings of memory, of these: %q", more, added(s.mappings, before.mappings)))
	}
	return faults
}

// added is what is in a list that was not in it before.
func added(list, before []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(before, s) })
}

// descendants are the processes below this one, but for the guardian, which stays.
func descendants() (list []string) {
	for _, id := range members() {
		if !isGuardian(id) {
			list = append(list, fmt.Sprintf("%v %q", id, commandOf(id)))
		}
	}
	return list
}

// members are the processes below this one.
func members() []finalize.Identity {
	self, err := finalize.Identify(os.Getpid())
	if err != nil {
		return nil
	}
	tree := finalize.Tree{Roots: []finalize.Identity{self}}
	if treeMark != "" {
		tree.Marks = []string{treeMark}
	}
	list, err := tree.Members()
	if err != nil {
		return nil
	}
	return list
}

func commandOf(id finalize.Identity) string {
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", id.PID))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(bytes.TrimRight(command, "\x00"), []byte{0}, []byte{' '}))
}

func isGuardian(id finalize.Identity) bool {
	command := strings.Fields(commandOf(id))
	return len(command) == 3 && command[1] == "guardian"
}

// descriptors says what this process has open.
func descriptors() (list []string) {
	const folder = "/proc/self/fd/"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if target, err := os.Readlink(folder + entry.Name()); err == nil { // the folder's own has gone
			list = append(list, entry.Name()+": "+target)
		}
	}
	return list
}

// mappings are those of files in memory.
func mappings() (list []string) {
	content, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, "/memfd:") || strings.Contains(line, "/dev/shm/") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// socketFolders are those in the folder for temporary files, which is this test's alone.
func socketFolders() []string {
	list, err := filepath.Glob(filepath.Join(os.TempDir(), "multiproc-*"))
	if err != nil {
		return nil
	}
	return list
}
