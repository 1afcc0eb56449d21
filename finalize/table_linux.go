package finalize

import (
	"cmp"
	"slices"
)

// A table holds the processes that one pass has seen, and finds out which of them
// belong together. What it has learnt of the sessions of members it keeps from pass
// to pass, since their leaders may be the first to be killed.
type table struct {
	entries   []entry
	positions map[int]int // in entries, by pid

	// The ids of groups and sessions whose processes are members, with the start
	// time of the leader, whose pid the id is, or 0 if that is not known.
	groups   map[int]uint64
	sessions map[int]uint64
}

type entry struct {
	stat
	member bool
}

func newTable(t Tree) table {
	groups := make(map[int]uint64, len(t.Groups))
	for _, group := range t.Groups {
		groups[group] = 0
	}
	for _, root := range t.Roots {
		if _, listed := groups[root.PID]; listed {
			groups[root.PID] = root.Start
		}
	}
	return table{positions: make(map[int]int), groups: groups, sessions: make(map[int]uint64)}
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

func (t *table) add(s stat, member bool) {
	t.positions[s.pid] = len(t.entries)
	t.entries = append(t.entries, entry{stat: s, member: member})
}

// spread makes members of all that belong on account of other members.
func (t *table) spread() {
	t.dropTakenOver(t.groups)
	t.dropTakenOver(t.sessions)
	for changed := true; changed; {
		changed = false
		for i := range t.entries {
			e := &t.entries[i]
			if !e.member && !e.gone() && t.belongs(e) {
				e.member = true
				changed = true
			}
			if _, known := t.sessions[e.pid]; e.member && e.session == e.pid && !known {
				t.sessions[e.pid] = e.start
				changed = true
			}
		}
	}
}

// belongs reports whether the process is a member's child, or in a group or session
// that makes it a member.
func (t *table) belongs(e *entry) bool {
	if _, ok := t.groups[e.group]; ok {
		return true
	}
	if _, ok := t.sessions[e.session]; ok {
		return true
	}
	at, found := t.positions[e.parent]
	return found && t.entries[at].member
}

// dropTakenOver drops the ids whose leader's pid is another process's by now. The
// kernel gives a number away again only when no process, group or session has it:
// so the group or session that was meant is no more.
func (t *table) dropTakenOver(leaders map[int]uint64) {
	for id, start := range leaders {
		at, found := t.positions[id]
		if found && start != 0 && t.entries[at].start != start {
			delete(leaders, id)
		}
	}
}

// members returns the members except self, the oldest first: who starts others
// again when they die is killed before them.
func (t *table) members(self int) []Identity {
	var members []Identity
	for i := range t.entries {
		if e := &t.entries[i]; e.member && e.pid != self {
			members = append(members, e.identity())
		}
	}
	slices.SortFunc(members, func(a, b Identity) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
	})
	return members
}
