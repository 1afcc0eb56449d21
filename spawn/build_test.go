package spawn_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// helloProgram starts itself as a child. Before that it does to its executable what its argument says.
const helloProgram = `package main

import (
	"context"
	"fmt"
	"os"

	"github.com/multiproc-go/multiproc/spawn"
)

var say = spawn.Register(sayHello)

func sayHello(_ context.Context, text string) error {
	fmt.Println("hello", text, len(os.Args))
	return nil
}

func main() { spawn.Main(run) }

func run(ctx context.Context) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	switch append(os.Args, "")[1] {
	case "delete":
		err = os.Remove(path)
	case "replace":
		if err = os.Remove(path); err == nil {
			err = os.WriteFile(path, []byte("#!/bin/sh\necho replaced\n"), 0o755)
		}
	}
	if err != nil {
		return err
	}
	p, err := say.Start(ctx, say.Name(), nil)
	if err != nil {
		return err
	}
	return p.Wait(ctx)
}
`

// buildModule writes a program into a temporary directory of this module, where it can import the module's packages.
func buildModule(t *testing.T, source string) (dir string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the Go command")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the Go command is not there: ", err)
	}
	dir, err := os.MkdirTemp("testdata", "program") //nolint:usetesting // elsewhere it could not import this module
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func command(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out), err
}

func TestBuiltPrograms(t *testing.T) {
	dir := buildModule(t, helloProgram)
	path := "github.com/multiproc-go/multiproc/spawn/" + filepath.ToSlash(dir)
	t.Run("go run", func(t *testing.T) {
		out, err := command(t, "go", "run", "./"+dir)
		if want := fmt.Sprintf("hello %s.sayHello 1\n", path); out != want || err != nil {
			t.Errorf("%q, %v; want %q", out, err, want)
		}
	})
	binary := filepath.Join(t.TempDir(), "program")
	for _, how := range []string{"as it is", "delete", "replace"} {
		t.Run(how, func(t *testing.T) {
			if out, err := command(t, "go", "build", "-o", binary, "./"+dir); err != nil {
				t.Fatal(out, err)
			}
			out, err := command(t, binary, how)
			if want := fmt.Sprintf("hello %s.sayHello 1\n", path); out != want || err != nil {
				t.Errorf("%q, %v; want %q", out, err, want)
			}
		})
	}
	t.Run("race", func(t *testing.T) {
		if out, err := command(t, "go", "build", "-race", "-o", binary, "./"+dir); err != nil {
			t.Skip("no race detector here: ", out)
		}
		if out, err := command(t, binary); !strings.HasPrefix(out, "hello ") || err != nil {
			t.Errorf("%q, %v", out, err)
		}
	})
}
