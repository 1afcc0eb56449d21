package integration

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDuplicatesExample(t *testing.T) {
	program := build(t, moduleRoot(t), "./examples/duplicates")
	folder := t.TempDir()
	for name, content := range map[string]string{"a": "one", "b": "two", "sub/c": "one", "sub/d": "three", "e": "one", "f": ""} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	output, status := runProgram(t, program, folder)
	want := ""
	for _, name := range []string{"a", "e", "sub/c"} {
		want += filepath.Join(folder, name) + "\n"
	}
	want += "\n2 of 6 files are copies of others\n"
	if status != 0 || output != want {
		t.Errorf("exit status %d, got\n%s\nwant\n%s", status, output, want)
	}
}
