package pool

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// The least limit counts, wherever above the process it is set.
func TestMemoryThatCgroupsAllow(t *testing.T) {
	root := t.TempDir()
	for name, limit := range map[string]string{
		"memory.max":                               "max\n",
		"a.slice/memory.max":                       "1000\n",
		"a.slice/b/memory.max":                     "max\n",
		"a.slice/c/memory.max":                     "900\n",
		"memory/memory.limit_in_bytes":             "9223372036854771712\n",
		"memory/docker/memory.limit_in_bytes":      "800\n",
		"memory/docker/9/memory.limit_in_bytes":    "9223372036854771712\n",
		"memory/nonsense/memory.limit_in_bytes":    "many bytes\n",
		"memory/too-large/memory.limit_in_bytes":   "99999999999999999999\n",
		"memory/a.slice/c/d/memory.limit_in_bytes": "1\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(limit), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for memberships, want := range map[string]int64{
		"":                                math.MaxInt64,
		"0::/\n":                          math.MaxInt64,
		"0::/a.slice/b\n":                 1000,
		"0::/a.slice/c/d\n":               900,
		"0::/../a.slice/c\n":              900,
		"0::/of/the/host\n":               math.MaxInt64,
		"4:memory:/docker/9\n0::/a.slice": 800,
		"4:cpu,memory:/docker/9\n":        800,
		"4:cpu:/docker/9\n":               math.MaxInt64,
		"1:name=systemd:/\n0::/a.slice\n": 1000,
		"4:memory:/nonsense\n":            9223372036854771712,
		"4:memory:/too-large\n":           9223372036854771712,
		"nonsense\n\n::\n":                math.MaxInt64,
	} {
		if got := cgroupsAllow(root, memberships); got != want {
			t.Errorf("%q: %d, want %d", memberships, got, want)
		}
	}
	if memoryAllowed() <= 0 {
		t.Error(memoryAllowed())
	}
}
