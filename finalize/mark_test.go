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
	if !strings.HasPrefix(child, first+".") || len(child) != 33 || strings.HasPrefix(child, second) {
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
