package finalize

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
)

// nobody is the owner of a process that belongs to no tree.
const nobody = -1

// census is what a Census has of its last pass.
type census struct {
	positions map[int]int // in people, by pid
	people    []person
	before    map[Identity]sighting // what environments said, of those who were there in the pass before
	now       map[Identity]sighting

	roots    map[Identity]int // whose tree it is, by what makes a member
	marks    map[string]int
	groups   map[int]int
	sessions map[int]int
	since    uint64
}

// person is a process that the pass has seen.
type person struct {
	stat
	owner int
}

// sighting is the mark that a process had in its environment. It stays what it was until the process runs another
// program, whose environment lies elsewhere.
type sighting struct {
	mark    string
	environ uint64
}

var pageSize = uint64(os.Getpagesize())

func (c *census) take(trees []Tree) ([][]Member, error) {
	c.begin(trees)
	p, err := openProc()
	if err != nil {
		return nil, err
	}
	defer p.close()
	self := os.Getpid()
	err = p.each(func(pid int) error {
		if pid == 1 || pid == self {
			return nil
		}
		return c.look(p, pid)
	})
	if err != nil {
		return nil, err
	}
	c.before, c.now = c.now, c.before
	c.spread()
	members := make([][]Member, len(trees))
	for i := range c.people {
		if e := &c.people[i]; e.owner != nobody {
			members[e.owner] = append(members[e.owner], Member{Identity: e.identity(), Resident: e.resident * pageSize})
		}
	}
	return members, nil
}

// begin forgets the last pass, and learns what makes a member of each tree.
func (c *census) begin(trees []Tree) {
	if c.positions == nil {
		c.positions, c.before, c.now = map[int]int{}, map[Identity]sighting{}, map[Identity]sighting{}
		c.roots, c.marks = map[Identity]int{}, map[string]int{}
		c.groups, c.sessions = map[int]int{}, map[int]int{}
	}
	clear(c.positions)
	clear(c.now)
	clear(c.roots)
	clear(c.marks)
	clear(c.groups)
	clear(c.sessions)
	c.people = c.people[:0]
	c.since = math.MaxUint64
	for i, tree := range trees {
		for _, root := range tree.Roots {
			c.roots[root] = i
		}
		for _, mark := range tree.Marks {
			c.marks[mark] = i
		}
		for _, group := range tree.Groups {
			c.groups[group] = i
		}
		c.since = min(c.since, tree.Since)
	}
}

// look counts a process, unless it can have no part in any tree.
func (c *census) look(p *proc, pid int) error {
	st, err := p.stat(pid)
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	owner, root := c.roots[st.identity()]
	if st.flags&flagKernelThread != 0 || st.gone() || st.start < c.since && !root {
		return nil
	}
	if !root {
		owner = c.ownerByMark(c.markOf(p, &st))
	}
	c.positions[pid] = len(c.people)
	c.people = append(c.people, person{stat: st, owner: owner})
	return nil
}

// markOf returns the mark in a process's environment. In the middle of an exec none is seen: the next pass sees it.
func (c *census) markOf(p *proc, st *stat) string {
	known, ok := c.before[st.identity()]
	if !ok || known.environ != st.environStart || st.environStart == 0 {
		environment, err := p.environment(st.pid)
		if err != nil || len(environment) == 0 {
			return "" // it is gone, another user's, or about to run another program
		}
		known = sighting{mark: markIn(environment), environ: st.environStart}
	}
	c.now[st.identity()] = known
	return known.mark
}

// markIn returns the mark that an environment carries, or "".
func markIn(environment []byte) string {
	for entry := range bytes.SplitSeq(environment, []byte{0}) {
		if mark, ok := bytes.CutPrefix(entry, markPrefix); ok {
			return string(mark)
		}
	}
	return ""
}

// ownerByMark returns whose tree has the mark, or the nearest above it.
func (c *census) ownerByMark(mark string) int {
	for end := len(mark); end > 0; {
		if owner, ok := c.marks[mark[:end]]; ok {
			return owner
		}
		for end--; end > 0 && mark[end] != '.'; end-- {
		}
	}
	return nobody
}

// spread makes members of all that belong on account of other members.
func (c *census) spread() {
	for changed := true; changed; {
		changed = false
		for i := range c.people {
			e := &c.people[i]
			if e.owner == nobody {
				if e.owner = c.ownerByKin(e); e.owner == nobody {
					continue
				}
				changed = true
			}
			if _, known := c.sessions[e.session]; e.session == e.pid && !known {
				c.sessions[e.pid] = e.owner
				changed = true
			}
		}
	}
}

// ownerByKin returns whose tree the process belongs to by its group, its session or its parent.
func (c *census) ownerByKin(e *person) int {
	if owner, ok := c.groups[e.group]; ok {
		return owner
	}
	if owner, ok := c.sessions[e.session]; ok {
		return owner
	}
	if at, ok := c.positions[e.parent]; ok {
		return c.people[at].owner
	}
	return nobody
}

func footprint(id Identity) (uint64, error) {
	p, err := openProc()
	if err != nil {
		return 0, err
	}
	defer p.close()
	rollup, err := p.read(id.PID, "smaps_rollup", &p.environ)
	if err != nil {
		return 0, fmt.Errorf("finalize: the footprint of %v: %w", id, err)
	}
	if !alive(id) {
		return 0, fmt.Errorf("finalize: the footprint of %v: %w", id, os.ErrProcessDone)
	}
	return proportionalSize(rollup), nil
}

// proportionalSize adds up the sizes in smaps_rollup, which are in KiB.
func proportionalSize(rollup []byte) (size uint64) {
	for line := range bytes.SplitSeq(rollup, []byte{'\n'}) {
		fields := bytes.Fields(line)
		if len(fields) < 2 || string(fields[0]) != "Pss:" && string(fields[0]) != "SwapPss:" {
			continue
		}
		if n, ok := number(fields[1]); ok {
			size += n << 10
		}
	}
	return size
}
