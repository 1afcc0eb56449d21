package finalize_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
)

func TestUsage(t *testing.T) {
	id, err := finalize.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	before, err := id.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if before.Resident < 1<<20 || before.Resident > 1<<34 {
		t.Errorf("this test uses %d bytes", before.Resident)
	}
	memory := make([]byte, 32<<20)
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		for i := range memory {
			memory[i]++
		}
		after, err := id.Usage()
		if err != nil {
			t.Fatal(err)
		}
		if after.Resident > 32<<20 && after.Processor >= before.Processor+50*time.Millisecond {
			if after.Processor > before.Processor+time.Minute {
				t.Errorf("processor time went from %v to %v in seconds", before.Processor, after.Processor)
			}
			return
		}
	}
	t.Error("memory and processor time that were used are not to be seen")
}

func TestUsageOfNobody(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := finalize.Identify(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := id.Usage(); err != nil {
		t.Errorf("Usage of a child: %v", err)
	}
	if id.Start != 0 {
		other := finalize.Identity{PID: id.PID, Start: id.Start - 1}
		if _, err := other.Usage(); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("Usage of the process that had the pid before: %v", err)
		}
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if _, err := id.Usage(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Usage of a process that has ended: %v", err)
	}
}
