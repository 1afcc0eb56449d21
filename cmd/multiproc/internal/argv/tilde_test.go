package argv

import (
	"os/exec"
	"strings"
	"testing"
)

// Shells expand a tilde at the beginning of a word, and bash after = and : too.
func TestShellsReadTildesAsTheyAre(t *testing.T) {
	arguments := []string{"~", "~/x", "a=~", "a=~/x", "a=b:~/x", "--prefix=~/x", "if=~root", "x:~", "a~"}
	line := Quote(append([]string{"printf", `%s\n`}, arguments...))
	for _, shell := range []string{"sh", "bash"} {
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("no %s here", shell)
			continue
		}
		out, err := exec.Command(shell, "-c", line).CombinedOutput()
		if want := strings.Join(arguments, "\n") + "\n"; err != nil || string(out) != want {
			t.Errorf("%s: %v, got\n%swant\n%s", shell, err, out, want)
		}
	}
}
