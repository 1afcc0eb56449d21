package spool

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// A path in /proc would tell nobody which disk is full.
func TestExplainNamesTheFolderAndWhatToDo(t *testing.T) {
	t.Setenv("TMPDIR", "/the/folder")
	err := Explain(&os.PathError{Op: "write", Path: "/proc/1/fd/7", Err: syscall.ENOSPC})
	want := "temporary folder /the/folder: no space left on device (set TMPDIR to one with more space)"
	if err.Error() != want || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := Create(); err == nil || !strings.Contains(err.Error(), "set TMPDIR to one that can be written to") {
		t.Errorf("a missing folder: %v", err)
	}
	if err := Explain(nil); err != nil {
		t.Errorf("no error: %v", err)
	}
}
