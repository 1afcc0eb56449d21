package spool

import (
	"os"
	"testing"
)

func TestWithoutSupportOfTheFileSystemTheNameIsGoneAtOnce(t *testing.T) {
	dir := t.TempDir()
	f, err := createUnlinked(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mustBeEmpty(t, dir)
	if _, err := f.WriteString("x"); err != nil {
		t.Error(err)
	}
	if f, err := createUnlinked(dir + "/missing"); !os.IsNotExist(err) {
		t.Errorf("got %v, %v", f, err)
	}
}
