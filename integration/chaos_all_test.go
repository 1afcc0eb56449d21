package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/wire"
)

// The chaos run goes on for chaosTimeVariable (a duration as "2m"; "5s" by default), with the decisions that
// chaosSeedVariable begins. A seed gives the same decisions again, but not at the same moments.
const (
	chaosTimeVariable = "CHAOS_TIME"
	chaosSeedVariable = "CHAOS_SEED"

	// chaosParentVariable makes TestChaosParent the program that is to be killed; its value is the folder to work in.
	chaosParentVariable = "MULTIPROC_CHAOS_PARENT"

	// chaosPatience is how long what takes a moment may take on a machine that is full of processes.
	chaosPatience = time.Minute
)

func chaosSettings(t *testing.T) (length time.Duration, seed uint64) {
	t.Helper()
	length, seed = 5*time.Second, rand.Uint64()
	var err error
	if text := os.Getenv(chaosTimeVariable); text != "" {
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", chaosTimeVariable, err)
		}
	}
	if text := os.Getenv(chaosSeedVariable); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", chaosSeedVariable, err)
		}
	}
	return length, seed
}

// Pools, managers, locks and queues are at work while workers, clients, managers and whole programs are killed, stopped
// and continued. Each task ends once, with the right result or an error that says what became of it; the books balance;
// nobody is in a lock with another; each item of a queue is done, and had twice only with its mark; and after each round
// nothing is left.
func TestChaosOfEverything(t *testing.T) {
	length, seed := chaosSettings(t)
	t.Logf("%s=%d %s=%v", chaosSeedVariable, seed, chaosTimeVariable, length)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: %s=%d %s=%v make chaos", chaosSeedVariable, seed, chaosTimeVariable, length)
		}
	})
	end := time.Now().Add(length)
	for round := 0; round < 3 || time.Now().Before(end); round++ {
		random := rand.New(rand.NewPCG(seed, uint64(round)))
		kind := [...]string{"parent killed", "all at work", "manager killed"}[round%3]
		ok := t.Run(fmt.Sprintf("%d %s", round, kind), func(t *testing.T) {
			multiproctest.CheckNothingLeft(t)
			switch kind {
			case "parent killed":
				chaosParent(t, random)
			default:
				w := newChaosWorld(t, t.TempDir())
				w.round(t, random, kind == "manager killed")
			}
		})
		if !ok {
			return
		}
	}
}

// chaosParent runs a program with everything at work, kills it at some moment of its boot or work, and waits until nothing
// below its mark is left.
func chaosParent(t *testing.T, random *rand.Rand) {
	folder, mark := t.TempDir(), finalize.NewMark("")
	p := exec.Command("/proc/self/exe", "-test.run=^TestChaosParent$")
	p.Env = append(os.Environ(), chaosParentVariable+"="+folder, finalize.MarkVariable+"="+mark)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.Duration(random.Int64N(int64(800 * time.Millisecond)))
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	<-ctx.Done()
	if err := p.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = p.Wait() // it was killed
	killed := time.Now()
	waitUntil(t, "nothing is left of the killed program", func() bool {
		left, err := finalize.Tree{Marks: []string{mark}}.Members()
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 0
	})
	t.Logf("killed after %v, all gone after %v", limit, time.Since(killed).Round(time.Millisecond))
	wire.RemoveAbandonedFolders() // as the next start does
	checkViolations(t, folder)
}

// TestChaosParent is no test but the program of chaosParent: it works until it is killed.
func TestChaosParent(t *testing.T) {
	folder := os.Getenv(chaosParentVariable)
	if folder == "" {
		t.Skip("this is a program for TestChaosOfEverything")
	}
	w := newChaosWorld(t, folder)
	go func() { // it ends with the program
		_, _ = stubborn.Apply(context.Background(), w.pool, 0)
	}()
	for {
		w.round(t, rand.New(rand.NewPCG(1, 1)), false)
		w = newChaosWorld(t, t.TempDir())
	}
}

func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(chaosPatience)
	defer late.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("not within %v: %s", chaosPatience, what)
		}
	}
}
