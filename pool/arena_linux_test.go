package pool_test

import (
	"os"
	"syscall"
	"testing"
)

// allocated returns how many bytes of a file take memory.
func allocated(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
