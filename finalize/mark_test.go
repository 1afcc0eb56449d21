package finalize

import (
	"os"
	"strings"
	"testing"
)

func TestNewMark(t *testing.T) {
	first, second := NewMark(""), NewMark("")
	if first == second || len(first) != 16 || strings.Contains(first, ".") {
		t.Errorf("marks are %q and %q", first, second)
	}
	child := NewMark(first)
	if !strings.HasPrefix(child, first+".") || !under([]byte(child), first) || under([]byte(child), second) {
		t.Errorf("mark below %q is %q", first, child)
	}
}

func TestOwnMarkOutlivesTheVariable(t *testing.T) {
	before := os.Getenv(MarkVariable)
	t.Setenv(MarkVariable, "changed")
	if got := OwnMark(); got != before {
		t.Errorf("own mark is %q, want %q", got, before)
	}
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
		if got := environmentHasMark([]byte(c.environment), []string{"", "a.b", "z"}); got != c.want {
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
		if got := environmentHasMark(environment, []string{"a.b"}); got != want {
			t.Errorf("%q: %v, want %v", environment, got, want)
		}
	})
}
