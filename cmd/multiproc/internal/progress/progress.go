// Package progress shows on a terminal how far a run has come, and makes room
// for other output there.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A Bar counts items that have ended. It is safe for concurrent use. A nil *Bar
// shows nothing.
type Bar struct {
	mu     sync.Mutex // guards the fields below and keeps what is on the line in order
	bar    *progressbar.ProgressBar
	shown  bool
	failed int
}

// New returns a bar on w, a terminal as a rule. total is how many items there
// are, or -1 as long as nobody knows. The bar is there from the first item that
// ends.
func New(w io.Writer, total int64) *Bar {
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(onlyWriter{w}),
		progressbar.OptionSetDescription("items"),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("items"),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetRenderBlankState(false),
		progressbar.OptionSetSpinnerChangeInterval(0), // no goroutine of its own
		progressbar.OptionClearOnFinish(),
	)
	bar.StartWithoutRender() // the rate counts from here
	return &Bar{bar: bar}
}

// onlyWriter keeps the bar from syncing a file at each step.
type onlyWriter struct{ io.Writer }

// Step counts one item that has ended, well or not.
func (b *Bar) Step(failed bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if failed {
		b.failed++
		b.bar.Describe(fmt.Sprintf("items, %d failed", b.failed))
	}
	_ = b.bar.Add(1)
	b.shown = true
}

// Total says how many items there are, once that is known.
func (b *Bar) Total(total int64) {
	if b == nil || total <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bar.ChangeMax64(total)
}

// Around returns a writer to w that takes the bar off the terminal before it
// writes. The bar comes back with the next item.
func (b *Bar) Around(w io.Writer) io.Writer {
	if b == nil {
		return w
	}
	return around{b, w}
}

type around struct {
	bar *Bar
	w   io.Writer
}

func (a around) Write(p []byte) (int, error) {
	a.bar.mu.Lock()
	defer a.bar.mu.Unlock()
	a.bar.hideLocked()
	return a.w.Write(p)
}

// Hide takes the bar off the terminal.
func (b *Bar) Hide() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hideLocked()
}

func (b *Bar) hideLocked() {
	if b.shown {
		_ = b.bar.Clear()
		b.shown = false
	}
}
