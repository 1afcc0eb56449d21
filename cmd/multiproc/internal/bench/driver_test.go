package bench

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func shell(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	return path
}

func TestDriver(t *testing.T) {
	d, err := startDriver(t.Context(), shell(t), "-c", "echo ready; while read line; do echo 0.25; done")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if figure, err := d.run(t.Context()); err != nil || figure != 0.25 {
			t.Errorf("it said %v, %v", figure, err)
		}
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

func TestADriverThatFailsSaysWhy(t *testing.T) {
	if _, err := startDriver(t.Context(), shell(t), "-c", "echo no such thing >&2; exit 4"); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("error %v", err)
	}
	d, err := startDriver(t.Context(), shell(t), "-c", "echo ready; read line; echo broken >&2; exit 5")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.run(t.Context()); err == nil {
		t.Error("a figure of a driver that has ended")
	}
	if err := d.close(); err == nil || !strings.Contains(err.Error(), "exit status 5: broken") {
		t.Errorf("error %v", err)
	}
}

// A pool's workers or a manager have the driver's output open, and may outlive it.
func TestADriverIsKilledWithWhatItHasStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d, err := startDriver(ctx, shell(t), "-c", "sleep 1000 & echo ready; sleep 1000")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	cancel()
	if err := d.close(); err == nil || time.Since(began) > driverGrace {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
}
