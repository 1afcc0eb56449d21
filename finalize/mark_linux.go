package finalize

import (
	"bytes"
	"iter"
)

// marksIn yields the marks in an environment, as /proc/PID/environ has it: one at most, unless somebody made a strange one.
func marksIn(environment []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for at := 0; at < len(environment); {
			found := bytes.Index(environment[at:], markPrefix)
			if found < 0 {
				return
			}
			begin := at + found
			at = begin + len(markPrefix)
			if begin > 0 && environment[begin-1] != 0 {
				continue // inside another variable
			}
			mark, _, _ := bytes.Cut(environment[at:], []byte{0})
			if !yield(mark) {
				return
			}
			at += len(mark)
		}
	}
}

var markPrefix = []byte(MarkVariable + "=")
