package multiproctest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A fault is what is to happen to the process in which something begins for the n-th time.
type fault struct {
	From, To int64 // which times, counted from 1 since the first fault of the test
	After    int64 // how many had begun when it was planned
	Kind     faultKind
	Delay    time.Duration
	Status   int
}

type faultKind string

const (
	kills   faultKind = "kill"
	exits   faultKind = "exit"
	freezes faultKind = "freeze"
	delays  faultKind = "delay"
)

// A plan is what is to happen where something of that name begins, for all processes of a test: the faults are in one file,
// and another one grows by a byte with each beginning, which gives each its number.
type plan struct{ path string }

// planFor finds the plan of a name. It reports false outside of tests that Main runs.
func planFor(name string) (plan, bool) {
	folder := os.Getenv(faultVariable)
	return plan{filepath.Join(folder, url.PathEscape(name))}, folder != ""
}

// editing guards the plans of this process's tests.
var editing sync.Mutex

// add adds a fault at the n-th time from now on, and the times after it up to the m-th, until the end of the test.
func add(t testing.TB, name string, n, m int, f fault) {
	t.Helper()
	if n < 1 || m < n {
		t.Fatalf("multiproctest: a fault at the times %d to %d: they are counted from 1", n, m)
	}
	p, found := planFor(name)
	if !found {
		t.Fatal("multiproctest: the body of TestMain must be multiproctest.Main(m)")
	}
	editing.Lock()
	defer editing.Unlock()
	faults, err := p.read()
	if errors.Is(err, os.ErrNotExist) {
		t.Cleanup(func() { p.end(t) })
		err = nil
	}
	if err == nil {
		begun := p.begun()
		f.After, f.From, f.To = begun, begun+int64(n), begun+int64(m)
		err = p.write(append(faults, f))
	}
	if err != nil {
		t.Fatalf("multiproctest: plan a fault: %v", err)
	}
}

func (p plan) read() (faults []fault, err error) {
	content, err := os.ReadFile(p.path + ".plan")
	if err != nil {
		return nil, err
	}
	return faults, json.Unmarshal(content, &faults)
}

// write replaces the plan at once, for processes that read it at any moment.
func (p plan) write(faults []fault) error {
	content, err := json.Marshal(faults)
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(p.path+".new", p.path+".plan")
}

// end ends the plan with its test, and reports tasks' faults whose time has not come: a test that passes without them shows
// nothing. Children need not start, as those of a pool that ends.
func (p plan) end(t testing.TB) {
	t.Helper()
	editing.Lock()
	defer editing.Unlock()
	faults, err := p.read()
	if err != nil {
		t.Errorf("multiproctest: read the plan of faults: %v", err)
	}
	begun := p.begun()
	name, _ := url.PathUnescape(filepath.Base(p.path)) // planFor has escaped it
	for _, f := range faults {
		if begun < f.From && name != startPlan && !t.Failed() && !t.Skipped() {
			t.Errorf("multiproctest: the fault %q of %q at number %d has not come: %d began",
				f.Kind, name, f.From-f.After, begun-f.After)
		}
	}
	_ = os.Remove(p.path + ".plan") // with the folder, at the latest
	_ = os.Remove(p.path + ".begun")
}

func (p plan) begun() int64 {
	info, err := os.Stat(p.path + ".begun")
	if err != nil {
		return 0
	}
	return info.Size()
}

// begin counts a beginning, where a plan is, and has happen what is planned for it.
func (p plan) begin() error {
	faults, err := p.read()
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var number int64
	if err == nil {
		number, err = p.count()
	}
	if err != nil {
		return fmt.Errorf("multiproctest: read the plan of faults: %w", err)
	}
	for _, f := range faults {
		if f.From <= number && number <= f.To {
			f.happen()
		}
	}
	return nil
}

// count adds a byte to the file of beginnings and returns where it ends: the kernel moves the offset of an appending
// descriptor behind what it has written, so that no two processes get the same number.
func (p plan) count() (number int64, err error) {
	file, err := os.OpenFile(p.path+".begun", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write([]byte{'.'}); err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekCurrent)
}

// stopTime is how long a process that stops itself does nothing: another of its threads may be the one that gets the
// signal, and this one would go on until then.
const stopTime = 200 * time.Millisecond

func (f fault) happen() {
	switch f.Kind {
	case kills:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // it takes effect in a moment
	case exits:
		os.Exit(f.Status)
	case freezes:
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		<-time.After(stopTime)
	case delays:
		<-time.After(f.Delay)
	}
}
