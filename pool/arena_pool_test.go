package pool_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// patterned makes n bytes that differ from those of any other seed.
func patterned(n, seed int) []byte {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(seed)<<32|uint64(i))
	}
	return b
}

// Large payloads arrive as they were, in any order of sizes, below and beyond what an arena holds, by every kind of call.
func TestLargePayloadsArrive(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 2})
	var payloads [][]byte
	for i, size := range []int{65_000, 65_523, 65_528, 65_529, 65_536, 65_537, 1 << 20, 70_000, 20 << 20, 3, 40 << 20, 5 << 20, 20 << 20, 1 << 20} {
		payloads = append(payloads, patterned(size, i))
	}
	check := func(what string, i int, got []byte, err error) {
		t.Helper()
		if err != nil || !bytes.Equal(got, payloads[i]) {
			t.Fatalf("%s: payload %d, of %d bytes: %d bytes came back, %v", what, i, len(payloads[i]), len(got), err)
		}
	}
	for i, payload := range payloads {
		got, err := echo.Apply(t.Context(), p, payload)
		check("Apply", i, got, err)
	}
	mapped, err := echo.Map(t.Context(), p, payloads)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range mapped {
		check("Map", i, got, nil)
	}
	i := 0
	for got, err := range echo.IMap(t.Context(), p, func(yield func([]byte) bool) {
		for _, payload := range payloads {
			if !yield(payload) {
				return
			}
		}
	}).All() {
		check("IMap", i, got, err)
		i++
	}
}

// The argument of ApplyAsync may be changed when it has returned.
func TestLargeArgumentIsTheCallersAgain(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	busy, err := sleeps.ApplyAsync(t.Context(), p, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	payload := patterned(1<<20, 1)
	sent := bytes.Clone(payload)
	r, err := echo.ApplyAsync(t.Context(), p, payload)
	if err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if got, err := get(t, r); err != nil || !bytes.Equal(got, sent) {
		t.Fatal(err)
	}
	if _, err := get(t, busy); err != nil {
		t.Fatal(err)
	}
}

// So may a sequence that has yielded it, at its next step.
func TestLargeInputIsTheSequencesAgain(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	busy, err := sleeps.ApplyAsync(t.Context(), p, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	const inputs, size = 5, 300_000
	buffer := make([]byte, size)
	i := 0
	for got, err := range echo.IMap(t.Context(), p, func(yield func([]byte) bool) {
		for i := range inputs {
			copy(buffer, patterned(size, i))
			if !yield(buffer) {
				return
			}
		}
		clear(buffer)
	}).All() {
		if err != nil || !bytes.Equal(got, patterned(size, i)) {
			t.Fatalf("result %d is not of its input: %v", i, err)
		}
		i++
	}
	if _, err := get(t, busy); err != nil || i != inputs {
		t.Fatal(err, i)
	}
}

// Large payloads of a Map that does not pack its tasks arrive too, and one that is too large fails alone.
func TestLargePayloadsWithDeadlinesArrive(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1, MaxPayload: 1 << 20})
	payloads := [][]byte{patterned(300_000, 0), patterned(1<<20, 1), patterned(100, 2), patterned(500_000, 3)}
	mapped, err := echo.WithTimeout(time.Minute).Map(t.Context(), p, payloads)
	var failed *pool.MapError
	if !errors.As(err, &failed) || len(failed.Failed) != 1 || failed.Failed[0].Index != 1 || !errors.Is(err, pool.ErrTaskTooLarge) {
		t.Fatalf("got %v", err)
	}
	for _, i := range []int{0, 2, 3} {
		if !bytes.Equal(mapped[i], payloads[i]) {
			t.Errorf("payload %d came back as %d bytes", i, len(mapped[i]))
		}
	}
}

// A large string, a large error and large values of other types arrive too.
func TestLargeValuesOfOtherTypesArrive(t *testing.T) {
	p := newPool(t, &pool.Options{Workers: 1})
	in := thing{Name: strings.Repeat("a", 1<<20), Tags: map[string][]int{"x": make([]int, 100_000)}}
	out, err := record.Apply(t.Context(), p, in)
	if err != nil || out.Name != strings.ToUpper(in.Name) || len(out.Tags["x"]) != 100_000 {
		t.Fatal(err, len(out.Name))
	}
	var remote *pool.RemoteError
	if _, err := failsAtLength.Apply(t.Context(), p, 200_000); !errors.As(err, &remote) {
		t.Fatalf("got %.100v", err)
	}
}

// While a killer shoots workers in the middle of large payloads, each task ends once: with the right result, or lost.
func TestChaosWithinLargePayloads(t *testing.T) {
	tasks := 600
	if testing.Short() {
		tasks = 100
	}
	p := newPool(t, &pool.Options{Workers: 2})
	kills, stop := killer(t, p)
	lost, ended := 0, 0
	for r := range echo.IMapUnordered(t.Context(), p, func(yield func([]byte) bool) {
		for i := range tasks {
			if !yield(patterned(100_000+i%7*400_000, i)) {
				return
			}
		}
	}).Results() {
		ended++
		var gone *pool.WorkerLostError
		if errors.As(r.Err, &gone) {
			lost++
		} else if r.Err != nil || !bytes.Equal(r.Value, patterned(100_000+r.Index%7*400_000, r.Index)) {
			t.Fatalf("task %d: %d bytes, %v", r.Index, len(r.Value), r.Err)
		}
	}
	stop()
	if s := p.Stats(); ended != tasks || s.Done+s.Lost != uint64(tasks) || int64(lost) > kills.Load() {
		t.Fatalf("%d ended, %d lost by %d kills: %+v", ended, lost, kills.Load(), s)
	}
}

// Memory for large payloads is given back when it was not used for a while.
func TestIdlePoolKeepsNoLargePayloads(t *testing.T) {
	if !hasArenas() {
		t.Skip("there are no arenas here")
	}
	p := newPool(t, &pool.Options{Workers: 1})
	if _, err := echo.Apply(t.Context(), p, make([]byte, 4<<20)); err != nil {
		t.Fatal(err)
	}
	if held := arenaMemory(t); held < 8<<20 {
		t.Fatalf("4 MiB to and fro have taken %d bytes", held)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for arenaMemory(t) > 1<<20 { // the rest of the memory that a worker shares has less than that
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("an idle pool keeps %d bytes", arenaMemory(t))
		}
	}
	if got, err := echo.Apply(t.Context(), p, patterned(8<<20, 3)); err != nil || !bytes.Equal(got, patterned(8<<20, 3)) {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if maps, err := os.ReadFile("/proc/self/maps"); err != nil || bytes.Contains(maps, []byte("memfd:multiproc")) {
		t.Fatalf("a closed pool has memory mapped (%v):\n%s", err, maps)
	}
}

func hasArenas() bool {
	_, err := os.Stat("/proc/self/fdinfo")
	return err == nil
}

// arenaMemory returns how many bytes the files hold that this process's arenas are in.
func arenaMemory(t *testing.T) int64 {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	held := int64(0)
	for _, fd := range fds {
		path := "/proc/self/fd/" + fd.Name()
		if target, err := os.Readlink(path); err == nil && strings.Contains(target, "multiproc-link") {
			held += allocated(t, path)
		}
	}
	return held
}
