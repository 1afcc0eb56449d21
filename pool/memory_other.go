//go:build !linux

package pool

import (
	"errors"
	"os"
)

// canSample says that finalize.Census does not work here.
const canSample = false

const sharedLock, exclusiveLock = 0, 1

func lockFile(*os.File, int) error { return errors.ErrUnsupported }

// isCgroup2 says that there are no cgroups here.
func isCgroup2(string) error { return errors.New("there are cgroups on Linux alone") }
