package progress

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBarCountsAndHides(t *testing.T) {
	var screen bytes.Buffer
	b := New(&screen, -1)
	b.Step(false)
	b.Total(3)
	b.Step(true)
	if got := screen.String(); !strings.Contains(got, "items") {
		t.Errorf("on the screen: %q", got)
	}
	b.Hide()
	if got := screen.String(); !strings.HasSuffix(got, "\r") {
		t.Errorf("not cleared: %q", got)
	}
	before := screen.Len()
	b.Hide()
	if screen.Len() != before {
		t.Error("cleared twice")
	}
}

func TestOutputFindsAnEmptyLine(t *testing.T) {
	var screen bytes.Buffer
	b := New(&screen, 10)
	out := b.Around(&screen)
	b.Step(false)
	io.WriteString(out, "output\n")
	if got := screen.String(); !strings.HasSuffix(got, "\routput\n") {
		t.Errorf("on the screen: %q", got)
	}
}

func TestNoBar(t *testing.T) {
	var b *Bar
	b.Step(true)
	b.Total(1)
	b.Hide()
	var out bytes.Buffer
	if b.Around(&out) != io.Writer(&out) {
		t.Error("a nil bar wraps")
	}
}
