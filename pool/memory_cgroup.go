package pool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cgroups makes a cgroup for each worker, below a directory that the user has been given for it. What is written and
// read there is the kernel's interface of cgroup v2 (cgroups(7)).
type cgroups struct {
	dir   string
	limit int64 // bytes; 0 for none
}

// cgroupPrefix begins the names of the workers' cgroups: others below the same directory are left alone.
const cgroupPrefix = "multiproc-"

// openCgroups makes sure that cgroups with the limit can be made below dir, and removes those there that a program which
// was killed has left. The error says what is wrong with dir.
func openCgroups(dir string, limit int64) (*cgroups, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = isCgroup2(dir)
	}
	if err == nil {
		err = enableMemory(dir)
	}
	c := &cgroups{dir: dir, limit: limit}
	if err == nil {
		c.clear()
		err = c.probe()
	}
	if err != nil {
		return nil, fmt.Errorf("pool: Cgroup %s: %w", dir, err)
	}
	return c, nil
}

// enableMemory sees to it that what is made below dir has the memory controller.
func enableMemory(dir string) error {
	available, err := readWords(dir, "cgroup.controllers")
	if err != nil {
		return err
	}
	if !slices.Contains(available, "memory") {
		return fmt.Errorf("it has no memory controller, only %q; have it delegated (Delegate=memory in a unit of systemd)",
			strings.Join(available, " "))
	}
	const control = "cgroup.subtree_control"
	passed, err := readWords(dir, control)
	if err != nil || slices.Contains(passed, "memory") {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, control), []byte("+memory"), 0); err != nil {
		return fmt.Errorf("cannot pass the memory controller on to what is below; processes must not be in the directory "+
			"itself, and this user must own it: %w", err)
	}
	return nil
}

// probe makes a cgroup as for a worker, and removes it.
func (c *cgroups) probe() error {
	g, err := c.create()
	if err != nil {
		return err
	}
	return errors.Join(g.kill(), g.remove())
}

// clear removes cgroups whose programs and processes are gone. One that cannot be removed is in nobody's way.
func (c *cgroups) clear() {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), cgroupPrefix) {
			continue
		}
		g := &cgroup{path: filepath.Join(c.dir, e.Name())}
		if g.open(exclusiveLock) != nil {
			continue // its owner lives
		}
		if populated, err := g.populated(); err == nil && !populated {
			_ = removeCgroups(g.path)
		}
		_ = g.dir.Close()
	}
}

// cgroup is one worker's. A nil one is none. As long as its owner lives, the directory is locked, whatever container
// another program looks from.
type cgroup struct {
	path string
	dir  *os.File
}

// create makes a cgroup with the limit, which is empty. A nil c makes none.
func (c *cgroups) create() (*cgroup, error) {
	if c == nil {
		return nil, nil
	}
	const attempts = 10
	for range attempts {
		path, err := os.MkdirTemp(c.dir, cgroupPrefix)
		if err != nil {
			return nil, err
		}
		g := &cgroup{path: path}
		if err = g.open(sharedLock); err != nil {
			continue // somebody who clears up took it for a leftover, before it was locked
		}
		if c.limit == 0 {
			return g, nil
		}
		if err := g.limit(c.limit); err != nil {
			return nil, errors.Join(err, g.remove())
		}
		return g, nil
	}
	return nil, errors.New("new cgroups are removed by others at once")
}

// open opens and locks the directory, if it still exists then.
func (g *cgroup) open(lock int) error {
	dir, err := os.Open(g.path)
	if err != nil {
		return err
	}
	if err = lockFile(dir, lock); err == nil {
		_, err = os.Stat(g.path)
	}
	if err != nil {
		return joinClose(err, dir)
	}
	g.dir = dir
	return nil
}

// limit has the kernel kill all processes of the cgroup together when they need more memory.
func (g *cgroup) limit(most int64) error {
	if err := g.write("memory.max", strconv.FormatInt(most, 10)); err != nil {
		return err
	}
	if err := g.write("memory.oom.group", "1"); err != nil {
		return err
	}
	if err := g.write("memory.swap.max", "0"); !errors.Is(err, fs.ErrNotExist) { // without swap there is no such file
		return err
	}
	return nil
}

func (g *cgroup) write(name, text string) error {
	file, err := os.OpenFile(filepath.Join(g.path, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return joinClose(err, file)
}

// file is the directory, for a process to be started in.
func (g *cgroup) file() *os.File {
	if g == nil {
		return nil
	}
	return g.dir
}

// kill sends SIGKILL to all processes of the cgroup.
func (g *cgroup) kill() error {
	if g == nil {
		return nil
	}
	return g.write("cgroup.kill", "1")
}

// oomKills returns how many processes of the cgroup the kernel has killed for want of memory.
func (g *cgroup) oomKills() (int64, error) { return readKey(g.path, "memory.events", "oom_kill") }

// peak returns how much memory the cgroup had in use at most, in bytes; 0 where the kernel does not tell.
func (g *cgroup) peak() int64 {
	words, err := readWords(g.path, "memory.peak")
	if err != nil || len(words) != 1 {
		return 0
	}
	n, _ := strconv.ParseInt(words[0], 10, 64)
	return n
}

func (g *cgroup) populated() (bool, error) {
	n, err := readKey(g.path, "cgroup.events", "populated")
	return n != 0, err
}

// remove kills what is in the cgroup, and removes it when that has ended. It blocks until then, for killTime at the most.
func (g *cgroup) remove() error {
	if g == nil {
		return nil
	}
	killErr := g.kill()
	deadline := time.Now().Add(killTime)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		populated, err := g.populated()
		if err != nil || !populated || time.Now().After(deadline) {
			break
		}
		timer := time.NewTimer(pause)
		<-timer.C
	}
	err := removeCgroups(g.path)
	if err != nil {
		err = errors.Join(killErr, err)
	}
	return joinClose(err, g.dir)
}

// removeCgroups removes a cgroup with all below it.
func removeCgroups(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			_ = removeCgroups(filepath.Join(path, e.Name())) // or the next line fails
		}
	}
	return os.Remove(path)
}

func readWords(dir, name string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	return strings.Fields(string(text)), err
}

// readKey reads a number from a file of lines that each have a key and a value.
func readKey(dir, name, key string) (int64, error) {
	words, err := readWords(dir, name)
	if err != nil {
		return 0, err
	}
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == key {
			return strconv.ParseInt(words[i+1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", filepath.Join(dir, name), key)
}
