package finalize

import (
	"os"
	"slices"
	"strings"
	"testing"
)

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
	table := newTable(Tree{})
	table.add(sleeping(30, 20, 1, 1, 3), false) // the grandchild is listed first
	table.add(sleeping(20, 10, 1, 1, 2), false)
	table.add(sleeping(10, 5, 1, 1, 1), true)
	table.add(sleeping(11, 5, 1, 1, 1), false)
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
	table := newTable(Tree{})
	table.add(sleeping(10, 5, 10, 10, 1), true)
	table.add(sleeping(20, 1, 20, 10, 2), false)
	table.add(sleeping(21, 1, 20, 9, 2), false)
	if got, want := table.pidsOf(0), []int{10, 20}; !slices.Equal(got, want) {
		t.Errorf("members are %v, want %v", got, want)
	}
	table.reset()
	table.add(sleeping(30, 1, 30, 10, 3), false)
	if got, want := table.pidsOf(0), []int{30}; !slices.Equal(got, want) {
		t.Errorf("members after the leader's death are %v, want %v", got, want)
	}
	table.reset()
	table.add(sleeping(10, 1, 10, 10, 4), false)
	table.add(sleeping(40, 1, 30, 10, 4), false)
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
		table.add(sleeping(20, 1, 10, 1, 2), false)
		table.add(sleeping(21, 1, 11, 1, 2), false)
		table.add(c.leader, false)
		if got := table.pidsOf(0); !slices.Equal(got, c.want) {
			t.Errorf("%s: members are %v, want %v", name, got, c.want)
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
