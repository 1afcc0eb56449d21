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
	output := filepath.Join(folder, "output")
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
			"give a folder":                             {},
			missing + ": no such file":                  {missing},
			"and perhaps the suffix":                    {folder, ".go", ".md"},
			"no files to count: *.none below " + folder: {folder, ".none"},
		}},
		{"thumbnails", map[string][]string{
			"give a folder for the output":     {},
			"and the images":                   {folder},
			"not a directory":                  {file, file},
			"1 of 1 images failed":             {folder, missing},
			"image: unknown format":            {folder, file},
			folder + " is a folder":            {folder, folder},
			file + " is given twice":           {output, missing, file, file},
			"would both become file.thumb.png": {output, file, filepath.Join(missing, "file")},
		}},
	} {
		program := build(t, moduleRoot(t), "./examples/"+example.name)
		for want, arguments := range example.calls {
			if output, status := runProgram(t, program, arguments...); status != 1 || !strings.Contains(output, want) {
				t.Errorf("%s %q: exit status %d, got %q, want %q in it", example.name, arguments, status, output, want)
			}
		}
		if said, status := runProgram(t, program, "--help"); status != 0 || !strings.HasPrefix(said, "usage: "+example.name+" FOLDER") {
			t.Errorf("%s --help: exit status %d, got %q", example.name, status, said)
		}
	}
	if _, err := os.Stat(output); err == nil {
		t.Error("thumbnails began with images that it refuses")
	}
}

func TestWordcountExample(t *testing.T) {
	program := build(t, moduleRoot(t), "./examples/wordcount")
	folder := t.TempDir()
	for _, example := range []struct{ name, content, want string }{
		{"a.none", "1 2 3", "1 file, 0 different words; the longest is %s with 0 words\na serial count agrees\n"},
		{"b.one", "word", "1 file, 1 different word; the longest is %s with 1 word\n       1 word\na serial count agrees\n"},
		{"c.two", "a b a", "1 file, 2 different words; the longest is %s with 3 words\n       2 a\n       1 b\na serial count agrees\n"},
	} {
		file := filepath.Join(folder, example.name)
		if err := os.WriteFile(file, []byte(example.content), 0o600); err != nil {
			t.Fatal(err)
		}
		want := strings.Replace(example.want, "%s", file, 1)
		if got, status := runProgram(t, program, folder, filepath.Ext(file)); status != 0 || got != want {
			t.Errorf("exit status %d, got\n%s\nwant\n%s", status, got, want)
		}
	}
}
