package finalize

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
)

// MarkVariable is the environment variable that carries a process's mark, which
// whatever the process starts inherits. A mark is made of components joined by
// dots, one for each process of this module on the way down from the first: a
// process belongs to all the trees whose marks are prefixes of its own. Marks are
// not secret.
const MarkVariable = "MULTIPROC_TREE"

// ownMark is read before any other package could change the environment.
var ownMark = os.Getenv(MarkVariable)

// NewMark returns a new mark, of a process started under the process with the mark
// parent, which is empty for none. It does not block and is safe for concurrent
// use. Two new marks differ, except with a probability of 2^-64.
func NewMark(parent string) string {
	component := fmt.Sprintf("%016x", rand.Uint64())
	if parent == "" {
		return component
	}
	return parent + "." + component
}

// OwnMark returns the mark that the calling process was started with, even if the
// variable was unset or changed since, or "".
func OwnMark() string { return ownMark }

// environmentHasMark reports whether an environment, as /proc/PID/environ has it,
// carries one of the marks or a mark below one. Empty marks match nothing.
func environmentHasMark(environment []byte, marks []string) bool {
	rest := environment
	for {
		at := bytes.Index(rest, markPrefix)
		if at < 0 {
			return false
		}
		starts := at == 0 || rest[at-1] == 0 // of an entry, not inside one
		rest = rest[at+len(markPrefix):]
		if !starts {
			continue
		}
		value, _, _ := bytes.Cut(rest, []byte{0})
		for _, mark := range marks {
			if under(value, mark) {
				return true
			}
		}
	}
}

var markPrefix = []byte(MarkVariable + "=")

// under reports whether mark, or one of its prefixes that end between components,
// is the mark root.
func under(mark []byte, root string) bool {
	if root == "" || len(mark) < len(root) || string(mark[:len(root)]) != root {
		return false
	}
	return len(mark) == len(root) || mark[len(root)] == '.'
}
