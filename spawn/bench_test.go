package spawn_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

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

// BenchmarkStart measures how long it takes to start children, all at once, until each has answered; and in turn with
// that, since machines drift, the limit: the same binary started by os/exec, which answers before its main package is
// initialised. The median times are reported, and their ratio.
func BenchmarkStart(b *testing.B) {
	for _, children := range []int{1, 8} {
		b.Run(fmt.Sprint(children), func(b *testing.B) {
			var ours, bare []time.Duration
			for b.Loop() {
				ours = append(ours, startAll(b, children, startSpawned))
				bare = append(bare, startAll(b, children, startBare))
			}
			report, limit := median(ours), median(bare)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(report.Microseconds()), "µs")
			b.ReportMetric(float64(limit.Microseconds()), "bare-µs")
			b.ReportMetric(float64(report)/float64(limit), "ratio")
		})
	}
}

// BenchmarkStop measures how long it takes to ask eight children to stop, until all are gone with whatever they had
// started; and in turn with that, how long bare children take to end after the end of their input.
func BenchmarkStop(b *testing.B) {
	var ours, bare []time.Duration
	for b.Loop() {
		ours = append(ours, stopAll(b, 8, startSpawned))
		bare = append(bare, stopAll(b, 8, startBare))
	}
	report, limit := median(ours), median(bare)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(report.Microseconds()), "µs")
	b.ReportMetric(float64(limit.Microseconds()), "bare-µs")
}

// BenchmarkKilled measures from a SIGKILL until the exit is known.
func BenchmarkKilled(b *testing.B) {
	var took []time.Duration
	for b.Loop() {
		p, err := spawn.StartRole(b.Context(), "test/wait", nil, nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if err := p.Kill(); err != nil {
			b.Fatal(err)
		}
		<-p.Done()
		took = append(took, time.Since(began))
		<-p.Swept()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(took).Microseconds()), "µs")
}

// BenchmarkAllocations counts what a start allocates in the parent.
func BenchmarkAllocations(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		startSpawned(b)()
	}
}

// startAll starts children concurrently, ends them, and returns how long the first part took.
func startAll(b *testing.B, children int, start func(*testing.B) func()) time.Duration {
	ends := make([]func(), children)
	began := time.Now()
	inParallel(children, func(i int) { ends[i] = start(b) })
	took := time.Since(began)
	inParallel(children, func(i int) { ends[i]() })
	return took
}

// stopAll is startAll, but returns how long the second part took.
func stopAll(b *testing.B, children int, start func(*testing.B) func()) time.Duration {
	ends := make([]func(), children)
	inParallel(children, func(i int) { ends[i] = start(b) })
	began := time.Now()
	inParallel(children, func(i int) { ends[i]() })
	return time.Since(began)
}

func inParallel(n int, do func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// startSpawned starts a child, and returns how to stop it.
func startSpawned(b *testing.B) (stop func()) {
	p, err := spawn.StartRole(b.Context(), "test/wait", nil, nil, nil)
	if err != nil {
		b.Error(err)
		return func() {}
	}
	return func() {
		if err := p.Shutdown(b.Context()); err != nil {
			b.Error(err)
		}
	}
}

// startBare starts the bare binary, and returns how to end it once it has answered.
func startBare(b *testing.B) (stop func()) {
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
