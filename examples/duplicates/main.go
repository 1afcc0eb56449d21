// Duplicates finds files with the same content. Worker processes read them, and share an index of what they have seen:
// a Go value in a manager's process, called through the typed proxy that go generate has written.
//
//	go run ./examples/duplicates FOLDER
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// Job is what a worker is told: the proxy goes with it.
type Job struct {
	File  string
	Index *IndexProxy
}

var enter = pool.Register(enterFile)

func main() { spawn.Main(run) }

func run(ctx context.Context) error {
	if slices.Contains(os.Args[1:], "--help") {
		fmt.Println("usage: duplicates FOLDER\nFinds the files below FOLDER that have the same content.")
		return nil
	}
	if len(os.Args) != 2 {
		return errors.New("give a folder: duplicates FOLDER")
	}
	if _, err := os.ReadDir(os.Args[1]); err != nil {
		return err
	}
	m, err := manager.Start(ctx, nil)
	if err != nil {
		return err
	}
	defer m.Close()
	index, err := NewIndexProxy(ctx, m, nil)
	if err != nil {
		return err
	}
	p, err := pool.New(ctx, nil)
	if err != nil {
		return err
	}
	defer p.Close()

	files, again, unread := 0, 0, 0
	for before, err := range enter.IMapUnordered(ctx, p, jobs(os.Args[1], index)).All() {
		if errors.Is(err, manager.ErrManagerLost) {
			return err // nothing can be entered any more
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "not read:", err)
			unread++
			continue
		}
		files++
		if before > 0 {
			again++
		}
	}
	groups, err := index.Duplicates(ctx)
	if err != nil {
		return err
	}
	for _, group := range groups {
		for _, file := range group {
			fmt.Println(file)
		}
		fmt.Println()
	}
	fmt.Printf("%d of %d files are copies of others\n", again, files)
	if unread > 0 {
		return fmt.Errorf("%d files or folders could not be read", unread)
	}
	return errors.Join(p.Shutdown(ctx), m.Shutdown(ctx))
}

// jobs yields the regular files below a folder, and what cannot be looked into: the worker will say why.
func jobs(folder string, index *IndexProxy) iter.Seq[Job] {
	return func(yield func(Job) bool) {
		_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if (err != nil || entry.Type().IsRegular()) && !yield(Job{path, index}) {
				return filepath.SkipAll
			}
			return nil
		})
	}
}

// enterFile runs in a worker.
func enterFile(ctx context.Context, job Job) (before int, err error) {
	file, err := os.Open(job.File)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return 0, err
	}
	return job.Index.Add(ctx, job.File, Sum(hash.Sum(nil)))
}
