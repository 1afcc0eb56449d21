package sync_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
)

// startManager starts a manager in a process of its own, which ends with the test. By then nobody may have anything in it
// but this process.
func startManager(t testing.TB) *manager.Manager {
	t.Helper()
	m, err := manager.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		checkOurs(t, m)
		if err := m.Shutdown(context.Background()); err != nil && !errors.Is(err, manager.ErrManagerLost) {
			t.Error(err)
		}
	})
	return m
}

// checkOurs waits until what is in a manager is this process's alone: what others had has gone with them.
func checkOurs(t testing.TB, m *manager.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		info, err := m.Info(ctx)
		if errors.Is(err, manager.ErrManagerLost) || errors.Is(err, manager.ErrClosed) {
			return
		}
		if err != nil {
			t.Errorf("waiting until nothing of others is left: %v", err)
			return
		}
		if isOurs(info) {
			return
		}
	}
}

func isOurs(i *manager.Info) bool {
	ours := map[uint64]bool{}
	for _, s := range i.Sessions {
		if s.PID != os.Getpid() {
			return false
		}
		ours[s.ID] = true
	}
	for _, o := range i.Objects {
		for _, s := range slices.Concat(o.Sessions, o.Holders, o.Waiters) {
			if !ours[s] {
				return false
			}
		}
		if o.References > 0 && len(o.Sessions)+len(o.Containers) == 0 {
			return false
		}
	}
	return i.InTransit == 0
}
