package argv

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestExpand(t *testing.T) {
	tests := []struct {
		name     string
		template []string
		item     string
		want     []string
	}{
		{"appended", []string{"wc", "-l"}, "a b", []string{"wc", "-l", "a b"}},
		{"in place", []string{"cp", "{}", "out"}, "x", []string{"cp", "x", "out"}},
		{"inside and repeated", []string{"cp", "in/{}", "out/{}.{}"}, "x", []string{"cp", "in/x", "out/x.x"}},
		{"the program itself", []string{"{}", "--version"}, "go", []string{"go", "--version"}},
		{"empty item", []string{"echo", "{}"}, "", []string{"echo", ""}},
		{"placeholder in the item", []string{"echo", "{}{}"}, "{}", []string{"echo", "{}{}"}},
		{"item like a flag", []string{"echo"}, "-n", []string{"echo", "-n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, NewTemplate(test.template).Expand(test.item)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQuoteLeavesPlainWordsAlone(t *testing.T) {
	got := Quote([]string{"go", "build", "./cmd/x", "a b", "it's", "", "~", "A=1"})
	if want := `go build ./cmd/x 'a b' 'it'\''s' '' '~' A=1`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := Quote([]string{"A=1", "b"}); got != `'A=1' b` {
		t.Errorf("program that looks like an assignment: %s", got)
	}
}

// What a shell makes of the quoted line must be the very arguments.
func TestQuoteIsReadBackByAShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	argument := rapid.StringMatching(`[a-zA-Z0-9 '"\\$!*?~{}()<>&|;#=\t\n` + "`" + `\-./]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		arguments := rapid.SliceOfN(argument, 1, 12).Draw(t, "arguments")
		out, err := exec.Command(sh, "-c", `printf '%s\0' `+Quote(arguments)).Output()
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		if diff := cmp.Diff(arguments, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
