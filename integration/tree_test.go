package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const modulePath = "github.com/multiproc-go/multiproc"

// moduleRoot returns the directory of go.mod, as an absolute path.
func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the tests run elsewhere than one level below go.mod: %v", err)
	}
	return root
}

// treeFiles returns the module's files with the given extension, as slash-separated paths relative to its root. What the
// go command ignores is left out: nested modules, testdata, and names that begin with a dot or an underscore.
func treeFiles(t *testing.T, extension string) []string {
	t.Helper()
	root := moduleRoot(t)
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name := entry.Name()
		ignored := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
		if entry.IsDir() {
			if ignored || name == "testdata" || isModule(path) {
				return fs.SkipDir
			}
			return nil
		}
		if ignored || filepath.Ext(name) != extension {
			return nil
		}
		relative, err := filepath.Rel(root, path)
		found = append(found, filepath.ToSlash(relative))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func isModule(directory string) bool {
	_, err := os.Stat(filepath.Join(directory, "go.mod"))
	return err == nil
}

func readTreeFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(moduleRoot(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return content
}
