package pool

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	stdsync "sync"
)

// memoryAllowed is how many bytes of memory the cgroups allow that this process is in, a container's for one, which it mostly
// shares with others. Without a limit, and where there are no cgroups, it is more than there is. It is read once, when it is first
// asked for.
var memoryAllowed = stdsync.OnceValue(func() int64 {
	memberships, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return math.MaxInt64
	}
	return cgroupsAllow("/sys/fs/cgroup", string(memberships))
})

// cgroupsAllow returns the least limit of the cgroups in a list as /proc/self/cgroup is one, which are mounted at root, and of
// those above them. In a container that knows its cgroups by the names of the host there are only those at the top.
func cgroupsAllow(root, memberships string) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(memberships) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) < 3:
		case parts[1] == "": // version 2
			least = min(least, leastLimit(root, parts[2], "memory.max"))
		case slices.Contains(strings.Split(parts[1], ","), "memory"):
			least = min(least, leastLimit(filepath.Join(root, "memory"), parts[2], "memory.limit_in_bytes"))
		}
	}
	return least
}

// leastLimit reads the file with the limit in a cgroup's directory and in those above it.
func leastLimit(root, path, name string) int64 {
	least := int64(math.MaxInt64)
	for path = filepath.Join("/", path); ; path = filepath.Dir(path) {
		if words, err := readWords(filepath.Join(root, path), name); err == nil && len(words) == 1 {
			if limit, err := strconv.ParseInt(words[0], 10, 64); err == nil { // else there is none
				least = min(least, limit)
			}
		}
		if path == "/" {
			return least
		}
	}
}
