package pool

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	stdsync "sync"
)

// ErrOtherBuild means that the manager's process and this one run different binaries, in which a function's name need not mean
// the same code.
var ErrOtherBuild = errors.New("pool: the manager runs another binary than this process")

// buildID is the digest of the binary that this process runs.
var buildID = stdsync.OnceValues(func() ([]byte, error) {
	path := "/proc/self/exe" // it can be read even when the file was replaced
	if runtime.GOOS != "linux" {
		var err error
		if path, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("pool: which binary is this? %w", err)
		}
	}
	binary, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("pool: which binary is this? %w", err)
	}
	hash := sha256.New()
	_, err = io.Copy(hash, binary)
	if err = errors.Join(err, binary.Close()); err != nil {
		return nil, fmt.Errorf("pool: which binary is this? %w", err)
	}
	return hash.Sum(nil), nil
})
