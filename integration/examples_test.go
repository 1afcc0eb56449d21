package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An example that cannot do what it is asked says so, and fails.
func TestExamplesRefuse(t *testing.T) {
	folder := t.TempDir()
	missing, file := filepath.Join(folder, "missing"), filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, example := range []struct {
		name  string
		calls map[string][]string // what is said, the arguments
	}{
		{"duplicates", map[string][]string{
			"give a folder":            {},
			missing + ": no such file": {missing},
			"not a directory":          {file},
			"duplicates FOLDER":        {folder, folder},
		}},
		{"wordcount", map[string][]string{
			"give a folder":            {},
			missing + ": no such file": {missing},
			"and perhaps the suffix":   {folder, ".go", ".md"},
		}},
		{"thumbnails", map[string][]string{
			"give a folder for the output": {},
			"and the images":               {folder},
			"not a directory":              {file, file},
			"1 of 1 images failed":         {folder, missing},
			"image: unknown format":        {folder, file},
		}},
	} {
		program := build(t, moduleRoot(t), "./examples/"+example.name)
		for want, arguments := range example.calls {
			if output, status := runProgram(t, program, arguments...); status != 1 || !strings.Contains(output, want) {
				t.Errorf("%s %q: exit status %d, got %q, want %q in it", example.name, arguments, status, output, want)
			}
		}
	}
}
