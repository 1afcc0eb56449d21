//go:build !linux

package manager

import (
	"errors"
	"os"
)

// nameless says that a socket can do without a name in the file system.
const nameless = false

func unname(string) (reachable string, keep *os.File, err error) {
	return "", nil, errors.ErrUnsupported
}
