package spawn_test

import (
	"bufio"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/multiproc-go/multiproc/spawn"
)

// bareVariable makes a re-executed test binary answer at once; see init.
const bareVariable = "MULTIPROC_TEST_BARE"

// init is the least that a re-executed binary can do: say a line, and wait for the end of its input.
func init() {
	if os.Getenv(bareVariable) == "" {
		return
	}
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// BenchmarkStart measures from the call until the child has answered; its end is not timed.
func BenchmarkStart(b *testing.B) {
	b.Run("spawn", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p, err := spawn.StartRole(b.Context(), "test/wait", nil, nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			kill(b, p)
			b.StartTimer()
		}
	})
	// The limit: the same binary started by os/exec, which answers before its main package is initialised.
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			end := startBare(b)
			b.StopTimer()
			end()
			b.StartTimer()
		}
	})
}

// BenchmarkStartEight starts eight children at once, and measures until all have answered.
func BenchmarkStartEight(b *testing.B) {
	b.Run("spawn", func(b *testing.B) {
		for b.Loop() {
			var all [8]*spawn.Process
			var group sync.WaitGroup
			for i := range all {
				group.Go(func() {
					p, err := spawn.StartRole(b.Context(), "test/wait", nil, nil, nil)
					if err != nil {
						b.Error(err)
						return
					}
					all[i] = p
				})
			}
			group.Wait()
			b.StopTimer()
			for _, p := range all {
				kill(b, p)
			}
			b.StartTimer()
		}
	})
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			var all [8]func()
			var group sync.WaitGroup
			for i := range all {
				group.Go(func() { all[i] = startBare(b) })
			}
			group.Wait()
			b.StopTimer()
			for _, end := range all {
				end()
			}
			b.StartTimer()
		}
	})
}

// BenchmarkStopEight asks eight children to stop, and measures until all are gone with all that they had started.
func BenchmarkStopEight(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		var all [8]*spawn.Process
		for i := range all {
			p, err := spawn.StartRole(b.Context(), "test/wait", nil, nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			all[i] = p
		}
		b.StartTimer()
		var group sync.WaitGroup
		for _, p := range all {
			group.Go(func() {
				if err := p.Shutdown(b.Context()); err != nil {
					b.Error(err)
				}
			})
		}
		group.Wait()
	}
}

// BenchmarkKilled measures from a SIGKILL until the exit is known.
func BenchmarkKilled(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		p, err := spawn.StartRole(b.Context(), "test/wait", nil, nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := p.Kill(); err != nil {
			b.Fatal(err)
		}
		<-p.Done()
		b.StopTimer()
		<-p.Swept()
		b.StartTimer()
	}
}

func kill(b *testing.B, p *spawn.Process) {
	if err := p.KillTree(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// startBare starts the bare binary, and returns how to end it once it has answered.
func startBare(b *testing.B) (end func()) {
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), bareVariable+"=1")
	input, err := command.StdinPipe()
	if err != nil {
		b.Error(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		b.Error(err)
	}
	if err := command.Start(); err != nil {
		b.Error(err)
	}
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		b.Error(err)
	}
	return func() {
		_ = input.Close()
		_ = command.Wait()
	}
}
