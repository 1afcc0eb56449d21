package finalize

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
)

// A scan finds the members of trees in one pass over /proc or several.
type scan struct {
	proc    *proc
	self    int
	exclude []int
	table   table
	seen    *sightings // a Census's; nil where every environment is to be read

	execing bool       // in this pass a process was seen in the middle of an exec
	exiting []Identity // those that were seen in the middle of their exit, and show no environment any more
}

// newScan begins to look for the members of a tree. The caller must close it.
func newScan(t Tree) (*scan, error) {
	p, err := openProc()
	if err != nil {
		return nil, err
	}
	s := &scan{proc: p, self: os.Getpid(), exclude: t.Exclude}
	s.table.begin([]Tree{t})
	return s, nil
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
	s.execing, s.exiting = false, s.exiting[:0]
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
			if err := s.look(pid, unknownInode); err != nil {
				return false, err
			}
		}
		last = newest
	}
	return false, nil
}

// look adds a process to the table, unless it can have no part in a tree.
func (s *scan) look(pid int, inode uint64) error {
	if pid == 1 && s.self != 1 || s.table.has(pid) || slices.Contains(s.exclude, pid) {
		return nil
	}
	if start, known := s.proc.startOf(pid, inode); known && s.table.tooOld(Identity{PID: pid, Start: start}) {
		return nil
	}
	st, err := s.proc.stat(pid)
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	s.proc.remember(pid, inode, st.start)
	if st.flags&flagKernelThread != 0 || st.isThread() || s.table.tooOld(st.identity()) {
		return nil
	}
	owner := nobody
	if !st.gone() {
		if owner = s.table.ownerOfRoot(st.identity()); owner == nobody {
			owner = s.ownerByEnvironment(&st)
		}
	}
	s.table.add(st, owner)
	return nil
}

// ownerByEnvironment returns whose tree has a mark that the process carries. In the middle of an exec a process shows no
// environment, or that of the program before.
func (s *scan) ownerByEnvironment(st *stat) int {
	if len(s.table.marks) == 0 {
		return nobody
	}
	if marks, known := s.seen.recall(st); known {
		return s.table.ownerOfAny(slices.Values(marks))
	}
	const attempts = 3
	now := *st
	for range attempts {
		switch {
		case now.state == 'Z':
			return s.ownerByThreads(&now)
		case now.flags&flagExiting != 0:
			s.exiting = append(s.exiting, now.identity())
			return nobody
		case now.environEnd != 0 && now.environStart == now.environEnd:
			return nobody
		}
		environment, err := s.proc.environment(st.pid)
		if err != nil {
			return nobody // it is gone, or another user's
		}
		if len(environment) > 0 {
			s.seen.note(&now, environment)
			return s.table.ownerOfAny(marksIn(environment))
		}
		now, err = s.proc.stat(st.pid)
		if err != nil || now.start != st.start || now.gone() {
			return nobody
		}
	}
	s.execing = true
	return nobody
}

// ownerByThreads is ownerByEnvironment for a process whose leading thread has ended before others: they have the environment as
// long as they go on.
func (s *scan) ownerByThreads(st *stat) int {
	threads, err := os.ReadDir("/proc/" + strconv.Itoa(st.pid) + "/task")
	if err != nil {
		return nobody // it is gone
	}
	ending := true
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil || id == st.pid {
			continue
		}
		if environment, err := s.proc.environment(id); err == nil && len(environment) > 0 {
			return s.table.ownerOfAny(marksIn(environment))
		}
		if other, err := s.proc.stat(id); err == nil && other.flags&flagExiting == 0 {
			ending = false
		}
	}
	if ending {
		s.exiting = append(s.exiting, st.identity())
	}
	return nobody
}
