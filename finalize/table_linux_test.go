package finalize

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func newTable(trees ...Tree) *table {
	t := new(table)
	t.begin(trees)
	return t
}

// pidsOf spreads and returns the members' pids.
func (t *table) pidsOf(self int) []int {
	t.spread()
	var pids []int
	for _, id := range t.members(self) {
		pids = append(pids, id.PID)
	}
	return pids
}

func sleeping(pid, parent, group, session int, start uint64) stat {
	return stat{pid: pid, state: 'S', parent: parent, group: group, session: session, start: start, threads: 1}
}

func TestSpreadFromParentToChild(t *testing.T) {
	table := newTable()
	table.add(sleeping(30, 20, 1, 1, 3), nobody) // the grandchild is listed first
	table.add(sleeping(20, 10, 1, 1, 2), nobody)
	table.add(sleeping(10, 5, 1, 1, 1), 0)
	table.add(sleeping(11, 5, 1, 1, 1), nobody)
	if got, want := table.pidsOf(0), []int{10, 20, 30}; !slices.Equal(got, want) {
		t.Errorf("members are %v, want %v", got, want)
	}
	if got, want := table.pidsOf(20), []int{10, 30}; !slices.Equal(got, want) {
		t.Errorf("members without the caller are %v, want %v", got, want)
	}
}

// The session that a member has made is known when the member is dead, until
// another process has the number.
func TestSpreadOverSessions(t *testing.T) {
	table := newTable()
	table.add(sleeping(10, 5, 10, 10, 1), 0)
	table.add(sleeping(20, 1, 20, 10, 2), nobody)
	table.add(sleeping(21, 1, 20, 9, 2), nobody)
	if got, want := table.pidsOf(0), []int{10, 20}; !slices.Equal(got, want) {
		t.Errorf("members are %v, want %v", got, want)
	}
	table.reset()
	table.add(sleeping(30, 1, 30, 10, 3), nobody)
	if got, want := table.pidsOf(0), []int{30}; !slices.Equal(got, want) {
		t.Errorf("members after the leader's death are %v, want %v", got, want)
	}
	table.reset()
	table.add(sleeping(10, 1, 10, 10, 4), nobody)
	table.add(sleeping(40, 1, 30, 10, 4), nobody)
	if got := table.pidsOf(0); len(got) > 0 {
		t.Errorf("members after the number was taken over are %v, want none", got)
	}
}

func TestSpreadOverGroups(t *testing.T) {
	tree := Tree{Roots: []Identity{{PID: 10, Start: 1}}, Groups: []int{10, 11}}
	for name, c := range map[string]struct {
		leader stat
		want   []int
	}{
		"leader is a zombie": {stat{pid: 10, state: 'Z', group: 10, threads: 1, start: 1}, []int{20, 21}},
		"recycled":           {sleeping(10, 5, 10, 1, 7), []int{21}},
		"reaped":             {sleeping(99, 5, 99, 1, 7), []int{20, 21}},
	} {
		table := newTable(tree)
		table.add(sleeping(20, 1, 10, 1, 2), nobody)
		table.add(sleeping(21, 1, 11, 1, 2), nobody)
		table.add(c.leader, nobody)
		if got := table.pidsOf(0); !slices.Equal(got, c.want) {
			t.Errorf("%s: members are %v, want %v", name, got, c.want)
		}
	}
}

// Each tree has its own marks and those below them, its own groups and sessions and what is below its members, and no
// process is in two.
func TestSpreadOverSeveralTrees(t *testing.T) {
	table := newTable(
		Tree{Marks: []string{"a"}, Groups: []int{10}, Roots: []Identity{{PID: 10, Start: 1}}, Since: 1},
		Tree{Marks: []string{"b.c"}, Groups: []int{20}, Since: 2},
	)
	for mark, want := range map[string]int{
		"a": 0, "a.x": 0, "a.x.y": 0, "ax": nobody, "b": nobody, "b.c": 1, "b.c.d": 1, "b.cd": nobody, "": nobody, ".": nobody,
	} {
		if got := table.ownerByMark([]byte(mark)); got != want {
			t.Errorf("%q belongs to %d, want %d", mark, got, want)
		}
	}
	table.add(sleeping(10, 5, 10, 1, 1), 0)
	table.add(sleeping(11, 10, 11, 11, 2), nobody) // has made a session
	table.add(sleeping(12, 1, 12, 11, 3), nobody)
	table.add(sleeping(20, 5, 20, 1, 2), nobody)
	table.add(sleeping(21, 20, 21, 1, 3), nobody)
	table.add(sleeping(30, 5, 30, 1, 3), nobody)
	table.spread()
	want := map[int]int{10: 0, 11: 0, 12: 0, 20: 1, 21: 1, 30: nobody}
	for _, e := range table.entries {
		if e.owner != want[e.pid] {
			t.Errorf("%d belongs to %d, want %d", e.pid, e.owner, want[e.pid])
		}
	}
	for id, old := range map[Identity]bool{{PID: 9}: true, {PID: 10, Start: 1}: false, {PID: 9, Start: 1}: false} {
		if table.tooOld(id) != old {
			t.Errorf("%v is too old: %v", id, !old)
		}
	}
}

func TestParseStat(t *testing.T) {
	const rest = ` S 5 6 7 0 -1 4194304 98 0 0 0 0 0 0 0 20 0 3 0 151510 3133440 394 1 2 3 4 0 0 0 0 0 0 0 0 0 -1 0 0 0 0 0 0 1 2 3 4 5 140724803390148 140724803391467 0`
	want := stat{
		pid: 12, state: 'S', parent: 5, group: 6, session: 7, flags: 4194304, threads: 3, start: 151510, resident: 394,
		exitSignal: -1, environStart: 140724803390148, environEnd: 140724803391467,
	}
	for _, name := range []string{"cat", "a b", ") S 1 1 1 (", "", "(", ")", "new\nline"} {
		if got, ok := parseStat([]byte("12 (" + name + ")" + rest + "\n")); !ok || got != want {
			t.Errorf("%q: %+v, %v", name, got, ok)
		}
	}
	for _, line := range []string{"", "12", "12 (cat", "(cat)" + rest, "x (cat)" + rest, "12 (cat) S 5 6 7", "12 (cat)" + strings.Replace(rest, "151510", "1x", 1)} {
		if got, ok := parseStat([]byte(line)); ok {
			t.Errorf("%q is taken for %+v", line, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	own, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(own)
	f.Add([]byte("1 (a) b) Z 1 1 1"))
	f.Fuzz(func(_ *testing.T, line []byte) { _, _ = parseStat(line) })
}
