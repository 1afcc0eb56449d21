package finalize

import (
	"errors"
	"io/fs"
	"os"
	"slices"
)

// A scan finds the members of a tree in one pass over /proc or several.
type scan struct {
	tree  Tree
	proc  *proc
	self  int
	table table

	execing bool // in this pass a process was seen in the middle of an exec
}

// newScan begins to look for the members of a tree. The caller must close it.
func newScan(t Tree) (*scan, error) {
	p, err := openProc()
	if err != nil {
		return nil, err
	}
	return &scan{tree: t, proc: p, self: os.Getpid(), table: newTable(t)}, nil
}

func (s *scan) close() { s.proc.close() }

func (t Tree) members() ([]Identity, error) {
	s, err := newScan(t)
	if err != nil {
		return nil, err
	}
	defer s.close()
	members, _, err := s.pass()
	return members, err
}

// pass looks at every process once and returns the members, the oldest first. It is
// settled if no member can have escaped it by starting a child and ending.
func (s *scan) pass() (members []Identity, settled bool, err error) {
	s.table.reset()
	s.execing = false
	last := s.proc.lastPID()
	if err := s.proc.each(s.look); err != nil {
		return nil, false, err
	}
	settled, err = s.chase(last)
	if err != nil {
		return nil, false, err
	}
	s.table.spread()
	return s.table.members(s.self), settled && !s.execing, nil
}

// chase looks at the processes that were created since last was the newest. A
// process that was alive when the pass began has been looked at, or has ended
// before, and what it may have started until then has one of these numbers, even if
// the pass had come past that number before. So when no further number has been
// given away, nobody was missed.
func (s *scan) chase(last int) (settled bool, err error) {
	const rounds, most = 16, 1024
	for range rounds {
		newest := s.proc.lastPID()
		if newest == last && last != 0 {
			return true, nil
		}
		if newest <= last || newest-last > most {
			return false, nil // the numbers have begun anew, or all too many
		}
		for pid := last + 1; pid <= newest; pid++ {
			if err := s.look(pid); err != nil {
				return false, err
			}
		}
		last = newest
	}
	return false, nil
}

// look adds a process to the table, unless it can have no part in the tree.
func (s *scan) look(pid int) error {
	if pid == 1 && s.self != 1 || s.table.has(pid) || slices.Contains(s.tree.Exclude, pid) {
		return nil
	}
	st, err := s.proc.stat(pid)
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	root := slices.Contains(s.tree.Roots, st.identity())
	if st.flags&flagKernelThread != 0 || st.isThread() || st.start < s.tree.Since && !root {
		return nil
	}
	s.table.add(st, !st.gone() && (root || s.marked(&st)))
	return nil
}

// marked reports whether the process has one of the tree's marks. In the middle of
// an exec a process shows no environment, or that of the program before.
func (s *scan) marked(st *stat) bool {
	if len(s.tree.Marks) == 0 {
		return false
	}
	const attempts = 3
	now := *st
	for range attempts {
		if now.flags&flagExiting != 0 || now.environEnd != 0 && now.environStart == now.environEnd {
			return false
		}
		environment, err := s.proc.environment(st.pid)
		if err != nil {
			return false // it is gone, or another user's
		}
		if len(environment) > 0 {
			return environmentHasMark(environment, s.tree.Marks)
		}
		now, err = s.proc.stat(st.pid)
		if err != nil || now.start != st.start || now.gone() {
			return false
		}
	}
	s.execing = true
	return false
}
