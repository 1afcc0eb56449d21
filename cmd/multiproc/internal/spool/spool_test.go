package spool

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// In a child process the test binary writes to the handle that it reads.
func TestMain(m *testing.M) {
	if os.Getenv("SPOOL_TEST_CHILD") != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func child() error {
	var h Handle
	if _, err := fmt.Fscan(os.Stdin, &h.Path, &h.Device, &h.Ino); err != nil {
		return err
	}
	f, err := h.Open()
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, "from the child")
	return err
}

func temporary(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return dir
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left in the temporary folder: %v, %v", entries, err)
	}
}

func TestFileIsWrittenByAnotherProcessAndHasNoName(t *testing.T) {
	dir := temporary(t)
	f, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mustBeEmpty(t, dir)
	if err := runChild(t, f.Handle()); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	n, _ := f.ReadAt(got, 0)
	if string(got[:n]) != "from the child" {
		t.Errorf("got %q", got[:n])
	}
	if size, err := f.Size(); size != int64(n) || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
}

func TestHandleOfAClosedFileOpensNothingElse(t *testing.T) {
	temporary(t)
	f, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	other, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Dup2(int(other.Fd()), int(f.Fd())); err != nil { // closes f and takes its number
		t.Fatal(err)
	}
	if err := runChild(t, f.Handle()); err == nil {
		t.Error("opened a file that it was not meant to")
	}
	if size, _ := other.Size(); size != 0 {
		t.Error("wrote into another file")
	}
	f.Close()
	if err := runChild(t, f.Handle()); err == nil {
		t.Error("opened a file that was closed")
	}
}

func TestCreateNamesTheFolderThatIsMissing(t *testing.T) {
	t.Setenv("TMPDIR", "/no/such/folder")
	if f, err := Create(); err == nil || !strings.Contains(err.Error(), "/no/such/folder") {
		t.Errorf("got %v, %v", f, err)
	}
}

func runChild(t *testing.T, h Handle) error {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SPOOL_TEST_CHILD=1")
	cmd.Stdin = strings.NewReader(fmt.Sprintln(h.Path, h.Device, h.Ino))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func TestSpillGivesEachPieceBack(t *testing.T) {
	dir := temporary(t)
	var s Spill
	defer s.Close()
	var pieces []*Piece
	for i := range 100 {
		text := fmt.Sprint("piece ", i, "\n")
		piece, err := s.Append(strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		pieces = append(pieces, piece)
	}
	mustBeEmpty(t, dir)
	for i := range 100 {
		i = 99 - i
		var got bytes.Buffer
		if _, err := pieces[i].WriteTo(&got); err != nil || got.String() != fmt.Sprint("piece ", i, "\n") {
			t.Errorf("piece %d: %q, %v", i, got.String(), err)
		}
		pieces[i].Drop()
	}
	if size, err := s.current.file.Size(); size != 0 || err != nil {
		t.Errorf("%d bytes on disk after all was dropped, %v", size, err)
	}
}

func TestSpillGivesSpaceBackWhileOthersWait(t *testing.T) {
	temporary(t)
	var s Spill
	defer s.Close()
	first, err := s.Append(zeros{}, generationSize)
	if err != nil {
		t.Fatal(err)
	}
	file := first.generation.file
	second, err := s.Append(zeros{}, generationSize)
	if err != nil {
		t.Fatal(err)
	}
	if second.generation == first.generation {
		t.Fatal("a full file was appended to")
	}
	first.Drop()
	if _, err := file.Stat(); err == nil {
		t.Error("the first file is still open after all in it was dropped")
	}
	if n, err := second.WriteTo(io.Discard); n != generationSize || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	second.Drop()
}

func TestSpillKeepsNothingOfAReadThatFails(t *testing.T) {
	temporary(t)
	var s Spill
	defer s.Close()
	if _, err := s.Append(strings.NewReader("short"), 100); err == nil {
		t.Error("no error for content that ended early")
	}
	if s.current.pieces != 0 || s.current.size != 0 {
		t.Errorf("%d pieces, %d bytes kept", s.current.pieces, s.current.size)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
