package stdio

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pipe(t *testing.T) (r, w *os.File, stop *Stop) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stop, err = NewStop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close(); stop.Close() })
	return r, w, stop
}

func TestReadsToTheEnd(t *testing.T) {
	r, w, stop := pipe(t)
	io.WriteString(w, "hello")
	w.Close()
	got, err := io.ReadAll(NewReader(r, stop))
	if string(got) != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestStopEndsABlockedRead(t *testing.T) {
	r, _, stop := pipe(t)
	result := make(chan error, 1)
	go func() {
		_, err := NewReader(r, stop).Read(make([]byte, 1))
		result <- err
	}()
	stop.Stop()
	if err := <-result; !errors.Is(err, ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
}

func TestStopEndsABlockedWrite(t *testing.T) {
	_, w, stop := pipe(t)
	result := make(chan error, 1)
	go func() {
		_, err := NewWriter(w, stop).Write(make([]byte, 10<<20)) // far more than a pipe holds
		result <- err
	}()
	stop.Stop()
	if err := <-result; !errors.Is(err, ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
}

func TestWriteCrossesAPipeWhole(t *testing.T) {
	r, w, stop := pipe(t)
	want := bytes.Repeat([]byte("0123456789abcde\n"), 100_000)
	result := make(chan error, 1)
	go func() {
		_, err := NewWriter(w, stop).Write(want)
		w.Close()
		result <- err
	}()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestWriteToAFileThatIsStoppedStillGoesThrough(t *testing.T) {
	_, _, stop := pipe(t)
	stop.Stop()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := NewWriter(f, stop).Write([]byte("x")); err != nil {
		t.Error(err)
	}
}

func TestBrokenPipeIsNoticedWithoutWriting(t *testing.T) {
	r, w, stop := pipe(t)
	result := make(chan error, 1)
	go func() { result <- AwaitBroken(w, stop) }()
	r.Close()
	if err := <-result; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if _, err := NewWriter(w, stop).Write([]byte("x")); !IsBroken(err) {
		t.Errorf("write: %v, want a broken pipe", err)
	}
}

func TestStopEndsAwaitBroken(t *testing.T) {
	_, w, stop := pipe(t)
	result := make(chan error, 1)
	go func() { result <- AwaitBroken(w, stop) }()
	stop.Stop()
	if err := <-result; !errors.Is(err, ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
}

func TestWhatIsThereIsReadDespiteAStop(t *testing.T) {
	r, w, stop := pipe(t)
	io.WriteString(w, "x")
	stop.Stop()
	var got strings.Builder
	_, err := io.Copy(&got, NewReader(r, stop))
	if diff := cmp.Diff("x", got.String()); diff != "" || !errors.Is(err, ErrStopped) {
		t.Error(diff, err)
	}
}
