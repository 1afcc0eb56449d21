//go:build linux

package spawn_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// orphanRoundsVariable says how many programs TestParentKilledAtEveryStage kills.
const orphanRoundsVariable = "ORPHAN_ROUNDS"

// A parent may die from its first instruction on until everything has long been at work: before it has a child, between a
// fork and the boot message, before there is a guardian. Whatever its children are, and whatever they have started, is gone
// soon after. The delays only spread the moments.
func TestParentKilledAtEveryStage(t *testing.T) {
	const stubborn = "trap '' TERM HUP INT; echo $$; while :; do sleep 1; done"
	rounds := 24
	if text := os.Getenv(orphanRoundsVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	families := [][]string{
		{"test/wait", "test/wait", "test/wait"},
		{"test/shell=setsid sh -c \"" + stubborn + "\" & wait", "test/wait"},
		{"test/nest=test/wait", "test/shell=" + stubborn},
		{"test/deaf", "test/nest=test/deaf"},
		{"never ready=test/hang", "never ready=test/shell=" + stubborn, "test/wait"},
	}
	// The first rounds measure how long a family takes to be at work here; the others spread over a little more than that.
	span := 10 * time.Millisecond
	for round := range rounds {
		family := families[round%len(families)]
		t.Run(fmt.Sprintf("%d %s", round, family[0][:9]), func(t *testing.T) {
			p := launchProgram(t, "starts roles", family...)
			if round < len(families) {
				began := time.Now()
				p.stdout.next(t)
				span = max(span, time.Since(began)*3/2)
			} else {
				<-time.After(rand.N(span))
			}
			if err := p.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			took := eventually(t, patience, "no process left", func() bool { return len(p.left(t)) == 0 })
			t.Logf("all gone after %v", took.Round(time.Millisecond))
		})
	}
}

// A program that makes no socket itself removes what a killed one has left of its own: its guardian does.
func TestGuardianRemovesAbandonedSocketFolders(t *testing.T) {
	parent, err := os.MkdirTemp("/tmp", "s") //nolint:usetesting // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	t.Setenv("TMPDIR", parent)
	abandoned := filepath.Join(parent, "multiproc-s1")
	if err := os.Mkdir(abandoned, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "starts roles", "test/wait")
	eventually(t, patience, "the folder is gone", func() bool {
		_, err := os.Lstat(abandoned)
		return errors.Is(err, os.ErrNotExist)
	})
}
