// Package joblog writes what became of each item, one row as each ends.
//
// The log is a table of tab-separated values with a header. Backslash, tab,
// newline and carriage return in an item are written \\, \t, \n and \r, so that
// a row is always one line; all other bytes are as they came. Each row is
// written at once, so the log of a program that was killed is complete up to
// that moment.
package joblog

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Header is the first line of a log.
const Header = "seq\tstart\tseconds\texit\tsignal\toutcome\titem\n"

// An Outcome is how an item ended; each ends in exactly one.
type Outcome string

// The outcomes.
const (
	Done      Outcome = "done"      // the command exited with status 0
	Failed    Outcome = "failed"    // it exited otherwise, was killed by a signal, or could not be run
	Timeout   Outcome = "timeout"   // it took longer than --timeout and was killed
	Lost      Outcome = "lost"      // its worker process died, and its output with it
	Cancelled Outcome = "cancelled" // it was killed because the whole run was ended
)

// Outcomes lists every Outcome in the order of a summary.
var Outcomes = []Outcome{Done, Failed, Timeout, Lost, Cancelled}

// An Entry is one row.
type Entry struct {
	Seq     int64         // the position of the item in the input, from 1
	Start   time.Time     // when the command was started, or, if nobody lived to tell, was handed out
	Took    time.Duration // written as seconds with three decimals
	Exit    int           // the exit status as a shell has it (127 not found, 126 not runnable, 128+n killed by signal n), or -1 if there was none
	Signal  int           // the signal that ended the command, or its worker if that was lost; 0 if none, or not known, as after Cancelled
	Outcome Outcome
	Item    string
}

// A Log writes to one file. It is safe for concurrent use. A nil *Log writes
// nothing.
type Log struct {
	mu   sync.Mutex // keeps rows whole
	file *os.File
}

// Create makes a new log at path, in place of a file that is there, and writes
// the header. The caller closes it.
func Create(path string) (*Log, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("job log: %w", err)
	}
	if _, err := file.WriteString(Header); err != nil {
		file.Close()
		return nil, fmt.Errorf("job log: %w", err)
	}
	return &Log{file: file}, nil
}

// Write adds one row.
func (l *Log) Write(e Entry) error {
	if l == nil {
		return nil
	}
	row := strings.Join([]string{
		strconv.FormatInt(e.Seq, 10),
		e.Start.Format("2006-01-02T15:04:05.000Z07:00"),
		strconv.FormatFloat(e.Took.Seconds(), 'f', 3, 64),
		strconv.Itoa(e.Exit),
		strconv.Itoa(e.Signal),
		string(e.Outcome),
		escape.Replace(e.Item),
	}, "\t") + "\n"
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.WriteString(row); err != nil {
		return fmt.Errorf("job log: %w", err)
	}
	return nil
}

var escape = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// Close closes the file.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}
