package finalize

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkSweep is what follows on each death of a child that has left nothing, on
// a machine with a hundred processes more than there are anyway.
func BenchmarkSweep(b *testing.B) {
	f := startShell(b, `i=0; while [ $i -lt 100 ]; do sleep 600 & i=$((i+1)); done; echo $$; wait`)
	f.pid()
	processes := countProcesses(b)
	mark := NewMark("")
	for name, tree := range map[string]Tree{
		"all":     {Marks: []string{mark}},
		"younger": {Marks: []string{mark}, Since: f.id.Start + 1e6},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, err := tree.Kill(context.Background()); n != 0 || err != nil {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(processes), "processes")
		})
	}
}

// BenchmarkKill is the end of one process, from the signal to a scan that finds
// nothing.
func BenchmarkKill(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		cmd := exec.Command("sleep", "600")
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		id, err := Identify(cmd.Process.Pid)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if n, err := (Tree{Roots: []Identity{id}, Since: id.Start}).Kill(context.Background()); n != 1 || err != nil {
			b.Fatal(n, err)
		}
		b.StopTimer()
		_ = cmd.Wait()
		b.StartTimer()
	}
}

func BenchmarkIdentify(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Identify(os.Getpid()); err != nil {
			b.Fatal(err)
		}
	}
}

func countProcesses(tb testing.TB) (n int) {
	list, err := os.ReadDir("/proc")
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range list {
		if _, err := strconv.Atoi(strings.TrimSpace(file.Name())); err == nil {
			n++
		}
	}
	return n
}
