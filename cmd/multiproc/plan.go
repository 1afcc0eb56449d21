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
		workers:   f.Workers,
		timeout:   time.Duration(f.Timeout),
		retries:   f.Retries,
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
	case isListed && f.Items != "":
		return fmt.Errorf("items come from %s or from --items, not from both", itemsMark)
	case f.Workers < 1 || f.Workers > maxWorkers:
		return fmt.Errorf("-j/--workers is %d; it must be from 1 to %d", f.Workers, maxWorkers)
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
		if f.Items != "" && f.Items != "-" {
			input, err := openItems(f.Items)
			if err != nil {
				return fmt.Errorf("--items: %w", err)
			}
			p.input = input
		}
	}
	if f.Joblog != "" && !f.DryRun {
		log, err := joblog.Create(f.Joblog)
		if err != nil {
			p.close()
			return err
		}
		p.log = log
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
