package finalize

import (
	"strings"
	"testing"
)

// hasMark reports whether an environment makes its process a member of a tree with these marks.
func hasMark(environment []byte, marks ...string) bool {
	return newTable(Tree{Marks: marks}).ownerOfAny(marksIn(environment)) != nobody
}

func TestEnvironmentHasMark(t *testing.T) {
	for _, c := range []struct {
		environment string
		want        bool
	}{
		{"MULTIPROC_TREE=a.b\x00", true},
		{"MULTIPROC_TREE=a.b.c\x00", true},
		{"HOME=/\x00MULTIPROC_TREE=a.b\x00PATH=/bin\x00", true},
		{"HOME=/\x00MULTIPROC_TREE=a.b", true},
		{"MULTIPROC_TREE=x\x00MULTIPROC_TREE=a.b\x00", true},
		{"MULTIPROC_TREE=z.y\x00", true},
		{"MULTIPROC_TREE=a\x00", false},
		{"MULTIPROC_TREE=a.bc\x00", false},
		{"MULTIPROC_TREE=c.a.b\x00", false},
		{"MULTIPROC_TREE=\x00", false},
		{"NOT_MULTIPROC_TREE=a.b\x00", false},
		{"A=MULTIPROC_TREE=a.b\x00", false},
		{"MULTIPROC_TREE", false},
		{"", false},
	} {
		if got := hasMark([]byte(c.environment), "a.b", "z"); got != c.want {
			t.Errorf("%q: %v", c.environment, got)
		}
	}
}

func FuzzEnvironmentHasMark(f *testing.F) {
	f.Add([]byte("MULTIPROC_TREE=a.b\x00HOME=/\x00"))
	f.Add([]byte("MULTIPROC_TREE=MULTIPROC_TREE=\x00MULTIPROC_TREE="))
	f.Fuzz(func(t *testing.T, environment []byte) {
		want := false
		for entry := range strings.SplitSeq(string(environment), "\x00") {
			value, found := strings.CutPrefix(entry, MarkVariable+"=")
			want = want || found && strings.HasPrefix(value+".", "a.b.")
		}
		if got := hasMark(environment, "a.b"); got != want {
			t.Errorf("%q: %v, want %v", environment, got, want)
		}
	})
}
