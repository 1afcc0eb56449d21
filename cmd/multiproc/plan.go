package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/argv"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/joblog"
)

// maxWorkers is where a number of workers is a mistake rather than a wish.
const maxWorkers = 4096

// itemsMark stands between the command and the items that follow it.
const itemsMark = ":::"

// plan is a command line that was found right, with its files open.
type plan struct {
	template  argv.Template
	workers   int
	timeout   time.Duration // 0 for none
	retries   int
	failFast  bool
	unordered bool
	progress  bool
	dryRun    bool

	listed    []string // the items, when they are on the command line
	input     *os.File // or where they are read from
	separator byte
	log       *joblog.Log // or nil
}

// plan checks the flags and opens the files they name. An error is one of
// usage; nothing has been started or created then.
func (f *mapFlags) plan() (*plan, error) {
	command, listed, isListed := f.split()
	if err := f.check(command, isListed); err != nil {
		return nil, err
	}
	p := &plan{
		template:  argv.NewTemplate(command),
		workers:   int(f.Workers),
		timeout:   time.Duration(f.Timeout),
		retries:   int(f.Retries),
		failFast:  f.FailFast,
		unordered: f.Unordered,
		progress:  term.IsTerminal(int(os.Stderr.Fd())),
		dryRun:    f.DryRun,
		separator: '\n',
	}
	if f.Progress != nil {
		p.progress = *f.Progress
	}
	if f.Null {
		p.separator = 0
	}
	if isListed {
		p.listed = listed
		p.workers = min(p.workers, max(1, len(listed)))
	}
	return p, p.open(f, isListed)
}

func (f *mapFlags) check(command []string, isListed bool) error {
	switch {
	case len(command) == 0:
		return errors.New("no command to run (multiproc map [flags] -- COMMAND [ARG...])")
	case command[0] == "":
		return errors.New("the name of the command is empty")
	case f.Items != nil && *f.Items == "":
		return errors.New("--items needs the name of a file, or - for standard input; it is empty")
	case f.Joblog != nil && *f.Joblog == "":
		return errors.New("--joblog needs the name of a file; it is empty")
	case f.Joblog != nil && *f.Joblog == "-":
		return errors.New("--joblog needs a file; - would mix it with the outputs (./- is a file of that name)")
	case isListed && f.Null:
		return fmt.Errorf("-0/--null is about items that are read; those after %s are separate already", itemsMark)
	case isListed && f.Items != nil:
		return fmt.Errorf("items come from %s or from --items, not from both", itemsMark)
	case f.Workers < 1 || f.Workers > maxWorkers:
		return fmt.Errorf("--workers is %d; it must be from 1 to %d", f.Workers, maxWorkers)
	case f.Retries < 0:
		return fmt.Errorf("--retries is %d; it cannot be negative", f.Retries)
	}
	return nil
}

// split separates the command from the items that may follow it.
func (f *mapFlags) split() (command, listed []string, isListed bool) {
	command = f.Command
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if i := slices.Index(command, itemsMark); i >= 0 {
		return command[:i], command[i+1:], true
	}
	return command, nil, false
}

// open opens the items and then, when they are there, the job log.
func (p *plan) open(f *mapFlags, isListed bool) error {
	if !isListed {
		p.input = os.Stdin
		if f.Items != nil && *f.Items != "-" {
			input, err := openItems(*f.Items)
			if err != nil {
				return fmt.Errorf("--items: %w", err)
			}
			p.input = input
		}
	}
	if f.Joblog != nil && !f.DryRun {
		err := p.checkLog(*f.Joblog)
		var log *joblog.Log
		if err == nil {
			log, err = joblog.Create(*f.Joblog)
		}
		if err != nil {
			p.close()
			return err
		}
		p.log = log
	}
	return nil
}

// checkLog refuses a job log that would overwrite what the run reads or writes.
// Devices, such as /dev/null, may be used for several things.
func (p *plan) checkLog(path string) error {
	log, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("job log: %w", err)
	}
	if log.Mode()&os.ModeDevice != 0 {
		return nil
	}
	for _, used := range []struct {
		what string
		file *os.File
	}{
		{"the file of --items", p.input},
		{"standard input", os.Stdin},
		{"standard output", os.Stdout},
		{"standard error", os.Stderr},
	} {
		if used.file == nil {
			continue
		}
		if info, err := used.file.Stat(); err == nil && os.SameFile(log, info) {
			if used.file == os.Stdin {
				used.what = "standard input"
			}
			return fmt.Errorf("--joblog %s is the same file as %s", path, used.what)
		}
	}
	return nil
}

func openItems(path string) (*os.File, error) {
	input, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := input.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", path)
	}
	if err != nil {
		input.Close()
		return nil, err
	}
	return input, nil
}

// close closes the files. The job log's error is reported where it is written.
func (p *plan) close() {
	if p.input != nil && p.input != os.Stdin {
		p.input.Close()
	}
	p.log.Close()
}
