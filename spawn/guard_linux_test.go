package spawn_test

import (
	"syscall"
	"testing"
)

// A guardian that was killed while no child ran is replaced when the next one starts.
func TestKilledGuardianIsReplacedByTheNextStart(t *testing.T) {
	p := run(t, "starts again")
	guardian := func() string {
		found := ""
		eventually(t, patience, "guardian started", func() bool {
			guardians := p.guardians(t)
			if len(guardians) > 0 {
				found = guardians[0]
			}
			return found != ""
		})
		return found
	}
	first := identity(t, guardian())
	if err := first.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "guardian gone", func() bool { return !first.Alive() })
	send(t, p, syscall.SIGHUP)
	guardian()
}

// A guardian that is killed while children run is replaced at once, again and again, and the one that came last does
// what the first would have done.
func TestKilledGuardianIsReplacedAtOnce(t *testing.T) {
	p := run(t, "starts roles", "test/wait", "test/shell=trap '' TERM HUP; setsid sleep 1000 & echo $$; wait", "stop")
	seen := map[string]bool{}
	next := func() (guardian string) {
		eventually(t, patience, "guardian started", func() bool {
			for _, pid := range p.guardians(t) {
				if !seen[pid] {
					guardian = pid
				}
			}
			return guardian != ""
		})
		seen[guardian] = true
		return guardian
	}
	for range 3 {
		if err := identity(t, next()).Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	last := next()
	eventually(t, patience, "guardian knows its lifeline", func() bool { return len(pipes(last)) == 0 })
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "no process left", func() bool { return len(p.left(t)) == 0 })
}
