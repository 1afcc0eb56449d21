// Wordcount counts the words of a source tree in worker processes, which add what they find to one shared dictionary,
// and keep a shared record of the longest file under a lock. It then counts again, in this process alone, and compares.
//
//	go run ./examples/wordcount FOLDER [SUFFIX]
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// Shared is what all workers share. Proxies are values like others: they travel in a task's argument.
type Shared struct {
	Words   *mpsync.Dict[string, int]
	Lock    *mpsync.Lock
	Longest *mpsync.Value[File]
}

// Job is one file to count.
type Job struct {
	File   string
	Shared Shared
}

// File is how many words a file has.
type File struct {
	Name  string
	Words int
}

var countFile = pool.Register(countInWorker)

func main() { spawn.Main(run) }

func run(ctx context.Context) error {
	if slices.Contains(os.Args[1:], "--help") {
		fmt.Println("usage: wordcount FOLDER [SUFFIX]\nCounts the words of the files below FOLDER, or of those whose names end in SUFFIX.")
		return nil
	}
	if len(os.Args) < 2 || len(os.Args) > 3 {
		return errors.New("give a folder, and perhaps the suffix of its files: wordcount FOLDER .go")
	}
	files, err := filesBelow(os.Args[1], strings.Join(os.Args[2:], ""))
	if err != nil {
		return err
	}
	m, err := manager.Start(ctx, nil) // a process that holds what is shared
	if err != nil {
		return err
	}
	defer m.Close()
	p, err := pool.New(ctx, nil)
	if err != nil {
		return err
	}
	defer p.Close()

	words, longest, err := countAll(ctx, m, p, files)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %s; the longest is %s with %s\n", count(len(files), "file"), count(len(words), "different word"),
		longest.Name, count(longest.Words, "word"))
	byCount := func(a, b string) int { return cmp.Or(words[b]-words[a], cmp.Compare(a, b)) }
	for _, word := range slices.SortedFunc(maps.Keys(words), byCount)[:min(10, len(words))] {
		fmt.Printf("%8d %s\n", words[word], word)
	}
	if err := compare(files, words); err != nil {
		return err
	}
	fmt.Println("a serial count agrees")
	return errors.Join(p.Shutdown(ctx), m.Shutdown(ctx))
}

// countAll has workers count every file.
func countAll(ctx context.Context, m *manager.Manager, p *pool.Pool, files []string) (map[string]int, File, error) {
	shared, err := share(ctx, m)
	if err != nil {
		return nil, File{}, err
	}
	jobs := make([]Job, len(files))
	for i, file := range files {
		jobs[i] = Job{File: file, Shared: shared}
	}
	if _, err := countFile.Map(ctx, p, jobs); err != nil {
		return nil, File{}, err
	}
	words, err := shared.Words.Snapshot(ctx)
	if err != nil {
		return nil, File{}, err
	}
	longest, err := shared.Longest.Get(ctx)
	return words, longest, err
}

func share(ctx context.Context, m *manager.Manager) (s Shared, err error) {
	if s.Words, err = mpsync.NewDict[string, int](ctx, m); err != nil {
		return s, err
	}
	if s.Lock, err = mpsync.NewLock(ctx, m); err != nil {
		return s, err
	}
	s.Longest, err = mpsync.NewValue(ctx, m, File{})
	return s, err
}

// countInWorker runs in a worker process.
func countInWorker(ctx context.Context, j Job) (struct{}, error) {
	words, total, err := wordsOf(j.File)
	if err != nil {
		return struct{}{}, err
	}
	for word, n := range words {
		if _, err := j.Shared.Words.Add(ctx, word, n); err != nil { // atomic: no lock is needed
			return struct{}{}, err
		}
	}
	held, err := j.Shared.Lock.Acquire(ctx) // reading, comparing and writing is not
	if err != nil {
		return struct{}{}, err
	}
	longest, err := j.Shared.Longest.Get(ctx)
	if err == nil && (longest.Name == "" || total > longest.Words || total == longest.Words && j.File < longest.Name) {
		err = j.Shared.Longest.Set(ctx, File{Name: j.File, Words: total})
	}
	return struct{}{}, errors.Join(err, held.Release())
}

func wordsOf(file string) (map[string]int, int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, 0, err
	}
	words, total := map[string]int{}, 0
	for word := range bytes.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		words[string(word)]++
		total++
	}
	return words, total, nil
}

// compare counts again without any of this.
func compare(files []string, words map[string]int) error {
	serial := map[string]int{}
	for _, file := range files {
		counted, _, err := wordsOf(file)
		if err != nil {
			return err
		}
		for word, n := range counted {
			serial[word] += n
		}
	}
	if !maps.Equal(serial, words) {
		return errors.New("a serial count differs: did the files change meanwhile?")
	}
	return nil
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func filesBelow(folder, suffix string) (files []string, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.HasSuffix(path, suffix) {
			files = append(files, path)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no files to count: *%s below %s", suffix, folder)
	}
	return files, err
}
