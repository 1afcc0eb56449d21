package finalize

import (
	"cmp"
	"iter"
	"math"
	"slices"
)

// nobody is the owner of a process that belongs to no tree.
const nobody = -1

// A table holds the processes that one pass has seen, and has the rules by which they belong to trees: to one, for a
// kill, or to the first, second and so on of several, for a Census. What it has learnt of the sessions of members it
// keeps from pass to pass, since their leaders may be the first to be killed.
type table struct {
	entries   []entry
	positions map[int]int // in entries, by pid

	// Whose tree it is, by what makes a member.
	roots    map[Identity]int
	marks    map[string]int
	groups   map[int]following
	sessions map[int]following
	since    uint64 // of all trees
}

type entry struct {
	stat
	owner int
}

// following is a group or session whose processes are members.
type following struct {
	owner int
	start uint64 // of the leader, whose pid the id is, or 0 if that is not known
}

// begin learns what makes members of these trees, and forgets all others.
func (t *table) begin(trees []Tree) {
	if t.positions == nil {
		t.positions = map[int]int{}
		t.roots, t.marks = map[Identity]int{}, map[string]int{}
		t.groups, t.sessions = map[int]following{}, map[int]following{}
	}
	t.reset()
	clear(t.roots)
	clear(t.marks)
	clear(t.groups)
	clear(t.sessions)
	t.since = math.MaxUint64
	for owner, tree := range trees {
		for _, mark := range tree.Marks {
			t.marks[mark] = owner
		}
		for _, group := range tree.Groups {
			t.groups[group] = following{owner: owner}
		}
		for _, root := range tree.Roots {
			t.roots[root] = owner
			if _, listed := t.groups[root.PID]; listed {
				t.groups[root.PID] = following{owner, root.Start}
			}
		}
		t.since = min(t.since, tree.Since)
	}
}

// reset forgets the processes, before the next pass.
func (t *table) reset() {
	t.entries = t.entries[:0]
	clear(t.positions)
}

func (t *table) has(pid int) bool {
	_, found := t.positions[pid]
	return found
}

func (t *table) add(s stat, owner int) {
	t.positions[s.pid] = len(t.entries)
	t.entries = append(t.entries, entry{stat: s, owner: owner})
}

// tooOld reports whether a process started before anything that belongs, and is no root.
func (t *table) tooOld(id Identity) bool { return id.Start < t.since && t.ownerOfRoot(id) == nobody }

func (t *table) ownerOfRoot(id Identity) int {
	if owner, ok := t.roots[id]; ok {
		return owner
	}
	return nobody
}

// ownerByMark returns whose tree has the mark, or the nearest above it.
func (t *table) ownerByMark(mark []byte) int {
	for end := len(mark); end > 0; {
		if owner, ok := t.marks[string(mark[:end])]; ok {
			return owner
		}
		for end--; end > 0 && mark[end] != '.'; end-- {
		}
	}
	return nobody
}

// ownerOfAny returns whose tree has the first of the marks that is anybody's.
func (t *table) ownerOfAny(marks iter.Seq[[]byte]) int {
	for mark := range marks {
		if owner := t.ownerByMark(mark); owner != nobody {
			return owner
		}
	}
	return nobody
}

// spread makes members of all that belong on account of other members.
func (t *table) spread() {
	t.dropTakenOver(t.groups)
	t.dropTakenOver(t.sessions)
	for changed := true; changed; {
		changed = false
		for i := range t.entries {
			e := &t.entries[i]
			if e.owner == nobody && !e.gone() {
				e.owner = t.ownerByKin(e)
				changed = changed || e.owner != nobody
			}
			if _, known := t.sessions[e.pid]; e.owner != nobody && e.session == e.pid && !known {
				t.sessions[e.pid] = following{e.owner, e.start}
				changed = true
			}
		}
	}
}

// ownerByKin returns whose tree the process belongs to by its group, its session or its parent.
func (t *table) ownerByKin(e *entry) int {
	if group, ok := t.groups[e.group]; ok {
		return group.owner
	}
	if session, ok := t.sessions[e.session]; ok {
		return session.owner
	}
	if at, ok := t.positions[e.parent]; ok {
		return t.entries[at].owner
	}
	return nobody
}

// dropTakenOver drops the ids whose leader's pid is another process's by now. The
// kernel gives a number away again only when no process, group or session has it:
// so the group or session that was meant is no more.
func (t *table) dropTakenOver(ids map[int]following) {
	for id, followed := range ids {
		at, found := t.positions[id]
		if found && followed.start != 0 && t.entries[at].start != followed.start {
			delete(ids, id)
		}
	}
}

// members returns the members except self, the oldest first: who starts others
// again when they die is killed before them.
func (t *table) members(self int) []Identity {
	var members []Identity
	for i := range t.entries {
		if e := &t.entries[i]; e.owner != nobody && e.pid != self {
			members = append(members, e.identity())
		}
	}
	slices.SortFunc(members, func(a, b Identity) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
	})
	return members
}
