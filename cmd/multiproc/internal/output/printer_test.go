package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// printing runs p until the returned function is called, which finishes it and
// returns what Run did.
func printing(ctx context.Context, p *Printer) (finish func() error) {
	result := make(chan error, 1)
	go func() { result <- p.Run(ctx) }()
	return func() error {
		p.Finish()
		return <-result
	}
}

func text(format string, args ...any) Content { return Bytes(fmt.Appendf(nil, format, args...)) }

func inFile(t testing.TB, content string) Content {
	t.Helper()
	f, err := spool.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	return File(f, int64(len(content)))
}

func TestOrderOfItemsAndOfArrival(t *testing.T) {
	for name, test := range map[string]struct {
		unordered bool
		out, err  string
	}{
		"ordered":   {false, "1\n2\n3\n", "e1\ne2\ne3\n"},
		"unordered": {true, "3\n1\n2\n", "e3\ne1\ne2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			p := NewPrinter(&stdout, &stderr, test.unordered, Limits{})
			finish := printing(t.Context(), p)
			for _, seq := range []int64{3, 1, 2} {
				if err := p.Deliver(seq, text("%d\n", seq), text("e%d\n", seq)); err != nil {
					t.Error(err)
				}
			}
			if err := finish(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.out+"|"+test.err, stdout.String()+"|"+stderr.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOutputAppearsAsSoonAsItsTurnComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stdout bytes.Buffer
		p := NewPrinter(&stdout, io.Discard, false, Limits{})
		finish := printing(t.Context(), p)
		for i, want := range []string{"", "123", "1234"} {
			seq := []int64{2, 1, 4}[i]
			if seq == 1 {
				p.Deliver(3, text("3"), Content{})
			}
			if seq == 4 {
				want = "1234"
			}
			p.Deliver(seq, text("%d", seq), Content{})
			synctest.Wait()
			if stdout.String() != want {
				t.Errorf("after item %d: %q, want %q", seq, stdout.String(), want)
			}
		}
		finish()
	})
}

// Whatever the sizes, limits and order of delivery: each output once, whole, in
// order.
func TestEverythingIsPrintedOnceWhateverTheLimits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limits := Limits{
			Memory: rapid.Int64Range(1, 200).Draw(rt, "memory"),
			Total:  rapid.Int64Range(1, 2000).Draw(rt, "total"),
			Items:  rapid.IntRange(1, 20).Draw(rt, "items"),
			Files:  rapid.IntRange(1, 6).Draw(rt, "files"),
		}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 100), 1, 40).Draw(rt, "sizes")
		lanes := rapid.IntRange(1, 8).Draw(rt, "lanes")
		unordered := rapid.Bool().Draw(rt, "unordered")
		var stdout, want bytes.Buffer
		p := NewPrinter(&stdout, io.Discard, unordered, limits)
		finish := printing(t.Context(), p)
		jobs := make(chan int)
		var group sync.WaitGroup
		for range lanes {
			group.Go(func() {
				for i := range jobs {
					content := strings.Repeat(fmt.Sprint(i%10), sizes[i]) + "\n"
					c := Bytes([]byte(content))
					if sizes[i]%3 == 0 {
						c = inFile(t, content)
					}
					if err := p.Deliver(int64(i+1), c, Content{}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for i := range sizes { // lanes take in order, as the real ones do
			fmt.Fprintln(&want, strings.Repeat(fmt.Sprint(i%10), sizes[i]))
			jobs <- i
		}
		close(jobs)
		group.Wait()
		if err := finish(); err != nil {
			rt.Fatal(err)
		}
		if unordered {
			if stdout.Len() != want.Len() {
				rt.Fatalf("%d bytes printed, want %d", stdout.Len(), want.Len())
			}
		} else if diff := cmp.Diff(want.String(), stdout.String()); diff != "" {
			rt.Fatal(diff)
		}
		if p.memory != 0 || p.total != 0 || p.files != 0 {
			rt.Fatalf("counted as waiting at the end: %d, %d bytes, %d files", p.memory, p.total, p.files)
		}
	})
}

func TestAboveTheMemoryLimitOutputWaitsOnDiskWithoutAName(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var stdout bytes.Buffer
	p := NewPrinter(&stdout, io.Discard, false, Limits{Memory: 100})
	finish := printing(t.Context(), p)
	var want strings.Builder
	for seq := int64(2); seq <= 50; seq++ {
		p.Deliver(seq, text("%050d", seq), Content{})
		fmt.Fprintf(&want, "%050d", seq)
	}
	p.mu.Lock()
	if p.memory > 100 {
		t.Errorf("%d bytes wait in memory", p.memory)
	}
	p.mu.Unlock()
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("in the temporary folder: %v", entries)
	}
	p.Deliver(1, text("first"), Content{})
	if err := finish(); err != nil || stdout.String() != "first"+want.String() {
		t.Errorf("%v, %q", err, stdout.String())
	}
}

func TestTooMuchWaitingHoldsUpAllButTheItemWhoseTurnItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stdout bytes.Buffer
		p := NewPrinter(&stdout, io.Discard, false, Limits{Items: 2})
		finish := printing(t.Context(), p)
		var third sync.WaitGroup
		p.Deliver(2, text("2"), Content{})
		p.Deliver(3, text("3"), Content{})
		accepted := false
		third.Go(func() {
			p.Deliver(4, text("4"), Content{})
			accepted = true
		})
		synctest.Wait()
		if accepted {
			t.Error("a third output was accepted where two may wait")
		}
		p.Deliver(1, text("1"), Content{})
		third.Wait()
		finish()
		if stdout.String() != "1234" {
			t.Errorf("got %q", stdout.String())
		}
	})
}

func TestAWriteErrorEndsRunAndFreesThoseWhoWait(t *testing.T) {
	broken := errors.New("broken")
	p := NewPrinter(writerFunc(func([]byte) (int, error) { return 0, broken }), io.Discard, false, Limits{Items: 1})
	var group sync.WaitGroup
	p.Deliver(2, text("2"), Content{})
	for seq := int64(3); seq < 6; seq++ {
		group.Go(func() {
			if err := p.Deliver(seq, inFile(t, "x"), Content{}); err != nil {
				t.Errorf("item %d: %v", seq, err)
			}
		})
	}
	finish := printing(t.Context(), p)
	p.Deliver(1, text("1"), Content{})
	group.Wait()
	if err := finish(); !errors.Is(err, broken) {
		t.Errorf("Run: %v", err)
	}
}

func TestTheEndOfTheContextEndsRun(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	p := NewPrinter(io.Discard, io.Discard, false, Limits{})
	finish := printing(ctx, p)
	p.Deliver(2, inFile(t, "never printed"), Content{})
	enough := errors.New("enough")
	cancel(enough)
	if err := finish(); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if err := p.Deliver(3, inFile(t, "late"), Content{}); err != nil {
		t.Errorf("late delivery: %v", err)
	}
}

func TestStandardErrorThatCannotBeWrittenIsPassedOver(t *testing.T) {
	var stdout bytes.Buffer
	p := NewPrinter(&stdout, writerFunc(func([]byte) (int, error) { return 0, os.ErrClosed }), false, Limits{})
	finish := printing(t.Context(), p)
	p.Deliver(1, text("1"), text("lost"))
	p.Deliver(2, text("2"), Content{})
	if err := finish(); err != nil || stdout.String() != "12" {
		t.Errorf("%v, %q", err, stdout.String())
	}
}

func TestOutputThatCannotBeKeptIsAnErrorAndHoldsUpNobody(t *testing.T) {
	t.Setenv("TMPDIR", "/no/such/folder")
	var stdout bytes.Buffer
	p := NewPrinter(&stdout, io.Discard, false, Limits{Memory: 3})
	finish := printing(t.Context(), p)
	if err := p.Deliver(2, text("lost"), Content{}); err == nil {
		t.Error("no error")
	}
	p.Deliver(1, text("1"), Content{})
	p.Deliver(3, text("3"), Content{})
	if err := finish(); err != nil || stdout.String() != "13" {
		t.Errorf("%v, %q", err, stdout.String())
	}
}

func TestAMessageFollowsWhatTheCommandWrote(t *testing.T) {
	var stderr bytes.Buffer
	p := NewPrinter(io.Discard, &stderr, false, Limits{})
	finish := printing(t.Context(), p)
	p.Deliver(1, Content{}, Content{}.Append("alone\n"))
	p.Deliver(2, Content{}, text("a").Append("b\n"))
	p.Deliver(3, Content{}, inFile(t, "file\n").Append("after\n"))
	if err := finish(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff("alone\na\nb\nfile\nafter\n", stderr.String()); diff != "" {
		t.Error(diff)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
