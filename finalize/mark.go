package finalize

import (
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
