package proxygen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Options say what to generate.
type Options struct {
	Folder  string   // of the package
	Type    string   // the type's name
	Name    string   // that managers know the type by; "" is the package's import path, a dot and the type's name
	Factory string   // the function that makes a value; "" is newT or NewT, and if there is neither, the zero value
	Methods []string // those to expose; nil means all exported ones
	Shared  []string // methods whose result becomes a shared object
	Output  string   // the file to write, in Folder unless it is absolute; "" is DefaultOutput
}

// DefaultOutput is the file that is written for a type where none is named.
func DefaultOutput(typeName string) string { return strings.ToLower(typeName) + "_proxy_gen.go" }

// Generate writes the proxy and the dispatch table of a type, in one file that is replaced at once and left alone where
// it would not change, and returns its path. It runs the go command, and blocks until that has ended or ctx ends.
// What cannot be exposed is a Faults; nothing is written then, and neither is a file that somebody has written by hand.
func Generate(ctx context.Context, o Options) (path string, err error) {
	if !token.IsIdentifier(o.Type) {
		return "", fmt.Errorf("%q is not the name of a type", o.Type)
	}
	if o.Output == "" {
		o.Output = DefaultOutput(o.Type)
	}
	if !strings.HasSuffix(o.Output, ".go") || strings.HasSuffix(o.Output, "_test.go") {
		return "", fmt.Errorf("the output %s is not a Go file of the package itself: its name has to end in .go, and not in _test.go", o.Output)
	}
	if o.Folder, err = filepath.Abs(o.Folder); err != nil {
		return "", err
	}
	if path = o.Output; !filepath.IsAbs(path) {
		path = filepath.Join(o.Folder, path)
	}
	if filepath.Dir(path) != o.Folder {
		return "", fmt.Errorf("the output %s is outside the package's folder, %s", o.Output, o.Folder)
	}
	before, err := existing(path)
	if err != nil {
		return "", err
	}
	source, err := render(ctx, o, path)
	if err != nil {
		return "", err
	}
	if before != nil && bytes.Equal(before, source) {
		return path, nil
	}
	return path, replace(path, source)
}

func render(ctx context.Context, o Options, path string) ([]byte, error) {
	p, err := load(ctx, o.Folder, path, o.Type)
	if err != nil {
		return nil, err
	}
	t, err := inspect(p, o)
	if err != nil {
		return nil, err
	}
	return t.render()
}

// existing returns what stands in the output file, nil if there is none, and an error if it was not generated.
func existing(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, content, parser.PackageClauseOnly|parser.ParseComments)
	if len(bytes.TrimSpace(content)) != 0 && (err != nil || !ast.IsGenerated(file)) {
		return nil, fmt.Errorf("%s was not generated: remove it, or choose another file with -output", path)
	}
	return content, nil
}

// replace writes a file at once: whoever reads it sees the old content or the new one.
func replace(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".proxy-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
