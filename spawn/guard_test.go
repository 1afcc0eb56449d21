package spawn_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/multiproc-go/multiproc/spawn"
)

// A guardian that was killed is replaced when the next child starts.
func TestKilledGuardianIsReplaced(t *testing.T) {
	start := func() {
		p, err := nothing.Start(t.Context(), struct{}{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	start()
	eventually(t, patience, "guardian started", func() bool { return ownGuardian() != "" })
	first := ownGuardian()
	if err := identity(t, first).Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "guardian gone", func() bool { return !identity(t, first).Alive() })
	start()
	eventually(t, patience, "guardian replaced", func() bool { return ownGuardian() != "" && ownGuardian() != first })
	if left := spawn.ActiveChildren(); len(left) != 0 {
		t.Fatal(left)
	}
}

// ownGuardian returns the pid of this process's guardian, empty if there is none.
func ownGuardian() string {
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return ""
	}
	for _, path := range commands {
		command, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(command), "\x00guardian\x00") {
			continue
		}
		pid := filepath.Base(filepath.Dir(path))
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err == nil && strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			return pid
		}
	}
	return ""
}
