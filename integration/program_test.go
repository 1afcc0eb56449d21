package integration

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// build compiles a package of a module to a file of a temporary folder.
func build(t *testing.T, module, pkg string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	c := exec.CommandContext(t.Context(), "go", "build", "-o", binary, pkg)
	c.Dir = module
	if output, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, output)
	}
	return binary
}

// runProgram runs a program to its end, within a minute, and returns what it printed and its exit status.
func runProgram(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	output, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(output), c.ProcessState.ExitCode()
}

func TestThumbnailsExample(t *testing.T) {
	program := build(t, moduleRoot(t), "./examples/thumbnails")
	folder := t.TempDir()
	images := make([]string, 12)
	for i := range images {
		images[i] = filepath.Join(folder, fmt.Sprintf("%02d.png", i))
		f, err := os.Create(images[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 100+10*i, 50))); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	output, status := runProgram(t, program, append([]string{folder}, images...)...)
	if status != 0 {
		t.Fatalf("exit status %d:\n%s", status, output)
	}
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if len(lines) != len(images) {
		t.Fatalf("%d lines for %d images:\n%s", len(lines), len(images), output)
	}
	for i, line := range lines {
		if want := images[i] + ".thumb.png: 64 x "; !strings.HasPrefix(line, want) {
			t.Errorf("line %d is %q, want %q", i, line, want)
		}
		if _, err := os.Stat(images[i] + ".thumb.png"); err != nil {
			t.Error(err)
		}
	}

	if err := os.WriteFile(images[3], []byte("no image"), 0o600); err != nil {
		t.Fatal(err)
	}
	output, status = runProgram(t, program, append([]string{folder}, images...)...)
	if status != 1 || !strings.Contains(output, "1 of 12 images failed") {
		t.Fatalf("exit status %d:\n%s", status, output)
	}
}

// A program of another module, with nothing but what it imports, has working pools.
func TestProgramOutsideThisModule(t *testing.T) {
	output, status := runProgram(t, build(t, outsideModule(t, outsideProgram), "."))
	if want := "[1 4 9 16] square example.com/outside.square\n"; status != 0 || output != want {
		t.Fatalf("exit status %d, got %q, want %q", status, output, want)
	}
}

const outsideProgram = `package main

import (
	"context"
	"fmt"

	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

var squares = pool.Register(square)

func main() { spawn.Main(run) }

func square(_ context.Context, n int) (int, error) { return n * n, nil }

func run(ctx context.Context) error {
	p, err := pool.New(ctx, nil)
	if err != nil {
		return err
	}
	results, err := squares.Map(ctx, p, []int{1, 2, 3, 4})
	if err != nil {
		return err
	}
	fmt.Println(results, "square", squares.Name())
	return p.Shutdown(ctx)
}
`
